#include "commands/commands.h"
#include "commands/hits.h"
#include "commands/job.h"
#include "llm2clip/index.h"
#include "terminal/exit_code.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "terminal/stop_signals.h"

namespace llm2clip::cli {
namespace {

std::vector<DuplicateGroup> find_groups(const Index& index, const DuplicatesFlags& flags,
                                        Messages& messages) {
  Progress progress(messages, "images", index.row_limit());
  return index.duplicates(
      flags.min_score,
      {.filter = flags.hits.filter, .threads = static_cast<std::size_t>(flags.threads)},
      [&](std::uint64_t done) {
        progress.update(done);
        return stop_signal() == 0;
      });
}

std::string text_of(const std::vector<DuplicateGroup>& groups, bool json) {
  std::string text;
  for (const DuplicateGroup& group : groups) {
    if (json) {
      text += (text.empty() ? "[" : ",\n ") + hits_json(group.members);
    } else {
      const std::size_t width = widest_id(group.members);
      text += (text.empty() ? hit_titles(width) : "\n") + hit_lines(group.members, width);
    }
  }
  if (json) text += text.empty() ? "[]\n" : "]\n";
  return text;
}

}  // namespace

int run_duplicates(const DuplicatesFlags& flags, Messages& messages) {
  const Index index = Index::open(flags.index);
  catch_stop_signals();
  std::vector<DuplicateGroup> groups;
  if (!unless_stopped([&] { groups = find_groups(index, flags, messages); })) {
    return kSignalBase + stop_signal();
  }
  messages.clear_status();
  Output output;
  output.write(text_of(groups, flags.hits.json));
  output.flush();
  std::size_t members = 0;
  for (const DuplicateGroup& group : groups) members += group.members.size();
  messages.note(std::to_string(groups.size()) + " groups with " + std::to_string(members) + " of " +
                std::to_string(index.rows()) + " images");
  return kDone;
}

}  // namespace llm2clip::cli
