#include "llm2clip/index.h"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "commands/commands.h"
#include "commands/index_memory.h"
#include "commands/index_rows.h"
#include "commands/job.h"
#include "commands/left_threads.h"
#include "commands/model_loading.h"
#include "inputs/file_uses.h"
#include "inputs/sources.h"
#include "llm2clip/detail/command_line.h"
#include "llm2clip/embed.h"
#include "terminal/exit_code.h"
#include "terminal/json_output.h"
#include "terminal/progress.h"
#include "terminal/stop_signals.h"

namespace llm2clip::cli {
namespace {

using Clock = std::chrono::steady_clock;

// Whether `id` is `place`, or in it: a file of a folder, a member of an archive, a frame of a film.
bool is_in(std::string_view id, std::string_view place) {
  while (place.size() > 1 && place.ends_with('/')) place.remove_suffix(1);
  if (!id.starts_with(place)) return false;
  return id.size() == place.size() || place == "/" || id[place.size()] == '/' ||
         id[place.size()] == '#';
}

// Images that are indexed, and what became of them.
class ImageIndexing {
 public:
  ImageIndexing(const IndexFlags& flags, Messages& messages) : flags_(flags), messages_(messages) {
    if (flags.job.errors.empty()) return;
    errors_.open(flags.job.errors, std::ios::binary);
    if (!errors_) throw Error(ErrorKind::io, flags.job.errors + ": cannot be created");
  }

  // False: a signal asked for a stop. What was embedded by then is in the index.
  bool embed(const ModelInfo& info, const std::function<const Model&()>& load,
             const ImageSource& source, const std::shared_ptr<IndexWriter>& writer) {
    Progress progress(messages_, "images", source.total().value_or(0));
    EmbedOptions options = embed_options();
    options.progress = [&](std::uint64_t done, std::optional<std::uint64_t>) {
      progress.update(done);
      return true;
    };
    return unless_stopped([&] { summary_ = embed_images(info, load, source, writer, options); });
  }

  // Rows of what is no longer where the images were looked for. What lies in a folder or an archive
  // that could not be read may be there still.
  void remove_gone(IndexWriter& writer) const {
    writer.remove_unlisted([&](std::string_view id) {
      const auto holds = [&](const std::string& place) { return is_in(id, place); };
      const auto lost = [&](const std::string& place) { return id != place && is_in(id, place); };
      return std::ranges::any_of(flags_.images.paths, holds) && std::ranges::none_of(failed_, lost);
    });
  }

  const EmbedSummary& summary() const { return summary_; }

 private:
  EmbedOptions embed_options() {
    EmbedOptions options;
    options.encode = encode_options(flags_.batch);
    options.read = flags_.images.read;
    options.decoding_threads = static_cast<std::size_t>(flags_.model.threads);
    options.decode_memory = flags_.decode_memory;
    options.failed = [this](const Outcome& outcome) { tell_failure(outcome); };
    options.stop_at_failure = flags_.job.on_error == OnError::fail;
    options.failure_limit = failure_limit(flags_.job.max_errors, "raise it");
    options.stop = [] { return stop_signal() != 0; };
    options.leave_threads = leave_threads;
    return options;
  }

  void tell_failure(const Outcome& outcome) {
    failed_.push_back(outcome.input.id);
    messages_.error(outcome.failure->message);
    if (!errors_.is_open()) return;
    errors_ << detail::error_line(outcome.input.index, outcome.input.id, *outcome.failure);
    if (!errors_) throw Error(ErrorKind::io, flags_.job.errors + ": cannot be written");
  }

  const IndexFlags& flags_;
  Messages& messages_;
  std::ofstream errors_;
  std::vector<std::string> failed_;
  EmbedSummary summary_;
};

void check_files(const IndexFlags& flags) {
  FileUses uses;
  uses.writes("--errors", flags.job.errors);
  uses.writes("--summary", flags.job.summary);
  if (!flags.model.directory.empty()) {
    uses.reads_folder("the model directory", flags.model.directory);
  }
  uses.reads_images(flags.images);
  for (const std::string& rows : flags.rows) uses.reads("--from", rows);
  for (const std::string& path : {flags.job.errors, flags.job.summary}) {
    if (!path.empty()) detail::check_output_path(path);
  }
}

// The index as it is, where there is one.
std::optional<Index> open_if_there(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(std::filesystem::path(path) / "index.json", error)) {
    return std::nullopt;
  }
  return Index::open(path);
}

std::string recorded_precision(const std::optional<Index>& index) {
  if (!index) return {};
  for (const auto& [name, value] : index->provenance()) {
    if (name == kComputedIn) return value;
  }
  return {};
}

struct Ending {
  IndexSummary index;
  EmbedSummary embedded;
  int signal = 0;
  bool made = true;  // there is an index
  std::optional<IndexGraphInfo> graph = {};
};

std::string index_line(const Ending& end, const std::string& name) {
  const IndexSummary& index = end.index;
  std::string line = std::to_string(index.added) + " added";
  const auto add = [&](std::uint64_t count, const char* what) {
    if (count > 0) line += ", " + std::to_string(count) + " " + what;
  };
  add(index.replaced, "replaced");
  add(index.unchanged, "unchanged");
  add(index.removed, "removed");
  line += ", " + std::to_string(end.embedded.failed) + " failed; ";
  if (!end.made) return line + name + " was not made";
  return line + std::to_string(index.rows) + " rows in " + name;
}

void tell_graph(const IndexFlags& flags, const Ending& end, Messages& messages) {
  if (end.graph) {
    std::ostringstream line;
    line << flags.index << ": " << end.graph->rows << " rows are linked, recall@10 " << std::fixed
         << std::setprecision(3) << end.graph->recall << " in a sample of " << end.graph->sampled;
    messages.note(line.str());
  } else if (flags.kind == to_string(IndexKind::hnsw) && end.signal == 0 && end.made) {
    messages.note(flags.index + ": few rows, each is looked at until there are more");
  }
}

nlohmann::ordered_json graph_json(const std::optional<IndexGraphInfo>& graph) {
  if (!graph) return nullptr;
  return {{"rows", graph->rows},
          {"recall_at_10", graph->recall},
          {"sampled", graph->sampled},
          {"expansion", graph->expansion}};
}

int tell_end(const IndexFlags& flags, const Ending& end, Clock::time_point start,
             Messages& messages) {
  int code = end.embedded.failed == 0 ? kDone : kSomeSkipped;
  std::string line = index_line(end, flags.index);
  if (end.signal != 0) {
    code = kSignalBase + end.signal;
    line = std::string("stopped by ") + name_of_signal(end.signal) + ": " + line +
           "; the same command goes on";
  }
  const std::chrono::duration<double> seconds = Clock::now() - start;
  if (!flags.job.summary.empty()) {
    write_json_file(flags.job.summary,
                    nlohmann::ordered_json{{"rows", end.index.rows},
                                           {"added", end.index.added},
                                           {"replaced", end.index.replaced},
                                           {"unchanged", end.index.unchanged},
                                           {"removed", end.index.removed},
                                           {"failed", end.embedded.failed},
                                           {"failed_by_code", end.embedded.failed_by_code},
                                           {"graph", graph_json(end.graph)},
                                           {"seconds", seconds.count()},
                                           {"exit_code", code}});
  }
  tell_graph(flags, end, messages);
  messages.note(line);
  return code;
}

// The model, loaded when there is something to embed: most of what is there is unchanged as a rule.
class LazyModel {
 public:
  LazyModel(const IndexFlags& flags, std::uint64_t expected, Messages& messages)
      : flags_(flags), expected_(expected), messages_(messages) {}

  const Model& in_precision(const std::string& recorded) {
    if (!model_) {
      model_ = load_part(flags_.model, Part::vision, expected_, messages_, recorded);
    }
    return *model_;
  }

 private:
  const IndexFlags& flags_;
  std::uint64_t expected_;
  Messages& messages_;
  std::optional<Model> model_;
};

std::uint64_t expected_inputs(const std::optional<Index>& there, const ImageSource& source) {
  const std::uint64_t total = source.total().value_or(kUncounted);
  if (!there) return total;
  return total != kUncounted && there->rows() < total ? total - there->rows() : 1;
}

// What the rows are computed in; empty: whatever the model chooses when it is loaded.
std::string known_precision(const IndexFlags& flags, const std::optional<Index>& there) {
  std::string recorded = recorded_precision(there);
  return recorded.empty() || flags.model.precision == "auto" ? recorded : flags.model.precision;
}

// This machine may not have the precision of the rows that are there.
const Model& check_precision(const Model& model, const std::string& expected,
                             const std::string& name) {
  const std::string precision = computed_in(model, Part::vision);
  if (precision == expected) return model;
  throw Error(ErrorKind::io, name + ": its rows are others: " + kComputedIn + " is " + expected +
                                 " there and " + precision + " here; give another name");
}

Ending index_images(const IndexFlags& flags, Messages& messages) {
  const ModelInfo info = read_model_info(flags.model.directory);
  require_part(flags.model.directory, info, Part::vision);
  const std::optional<Index> there = open_if_there(flags.index);
  if (there) there->check_fits(info);
  const auto memory = std::make_shared<IndexMemory>();
  const ImageSource source = image_source(flags.images, messages, memory);
  catch_stop_signals();

  LazyModel model(flags, expected_inputs(there, source), messages);
  std::string precision = known_precision(flags, there);
  if (precision.empty() && !unless_stopped([&] {
        precision = computed_in(model.in_precision(precision), Part::vision);
      })) {
    return {.index = {}, .embedded = {}, .signal = stop_signal(), .made = there.has_value()};
  }
  auto provenance_of = provenance(info, Part::vision, flags.batch, precision, flags.model.device);
  provenance_of.emplace_back("exif", flags.images.read.apply_orientation ? "true" : "false");
  const auto writer =
      std::make_shared<IndexWriter>(flags.index, index_options(flags, info.dim, provenance_of));
  memory->use(writer);
  if (!writer->warning().empty()) messages.warning(writer->warning());
  const auto load = [&]() -> const Model& {
    return check_precision(model.in_precision(precision), precision, flags.index);
  };
  ImageIndexing indexing(flags, messages);
  const bool finished = indexing.embed(info, load, source, writer);
  messages.clear_status();
  if (finished) indexing.remove_gone(*writer);
  const EmbedSummary& embedded = indexing.summary();
  // Inputs that all failed make no index.
  const bool made = there || embedded.embedded > 0 || (finished && embedded.failed == 0);
  if (made) writer->commit();
  if (made && finished && flags.compact) writer->compact();
  return {writer->summary(), embedded, finished ? 0 : stop_signal(), made};
}

IndexSummary compact(const IndexFlags& flags) {
  if (!open_if_there(flags.index)) Index::open(flags.index);  // says that there is none
  IndexWriter writer(flags.index, {});
  writer.compact();
  return writer.summary();
}

// Brings an index to the kind and scan of the flags, and links its new rows where it is of kind
// hnsw.
void update_graph(const IndexFlags& flags, Ending& end, Messages& messages) {
  if (end.signal != 0 || !end.made) return;
  const IndexOptions options = manner_options(flags);
  if (!options.kind && !options.scan && Index::open(flags.index).kind() == IndexKind::exact) return;
  catch_stop_signals();
  IndexWriter writer(flags.index, options);
  std::optional<Progress> progress;
  const auto tell = [&](std::uint64_t done, std::uint64_t total) {
    if (!progress) progress.emplace(messages, "rows linked", total);
    progress->update(done);
    return stop_signal() == 0;
  };
  if (!unless_stopped([&] { end.graph = writer.update_graph(tell); })) end.signal = stop_signal();
  messages.clear_status();
}

}  // namespace

int run_index(const IndexFlags& flags, Messages& messages) {
  const Clock::time_point start = Clock::now();
  check_files(flags);
  if (flags.verify) Index::open(flags.index).verify();
  Ending end;
  if (!flags.images.paths.empty() || !flags.images.lists.empty()) {
    end = index_images(flags, messages);
  } else if (!flags.rows.empty()) {
    end.index = index_rows(flags);
    if (flags.compact) compact(flags);
  } else if (flags.compact) {
    end.index = compact(flags);
  } else {
    end.index.rows = Index::open(flags.index).rows();
  }
  update_graph(flags, end, messages);
  return tell_end(flags, end, start, messages);
}

}  // namespace llm2clip::cli
