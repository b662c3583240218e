// A journal's good lines are found, whatever comes after them, and are sound.

#include "store/journal.h"

#include "property.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace llm2clip;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const JournalContent content = parse_journal(text);
  fuzz::property(content.good_bytes <= size, "good lines are lines of the file");
  for (const ShardRecord& shard : content.shards) {
    fuzz::property(shard.first < shard.end && shard.rows <= shard.end - shard.first,
                   "a shard has no more rows than inputs");
    fuzz::property(shard.file.find('/') == std::string::npos, "parts are in the run's folder");
  }
  const JournalContent again = parse_journal(text.substr(0, content.good_bytes));
  fuzz::property(again.good_bytes == content.good_bytes &&
                     again.shards.size() == content.shards.size() &&
                     again.finished == content.finished,
                 "what is good is good without what comes after it");
  return 0;
}
