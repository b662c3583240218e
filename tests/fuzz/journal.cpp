// A journal's good lines are found, whatever comes after them, and are sound.

#include "store/run/journal.h"

#include "property.h"
#include "store/run/chunk_ranges.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace llm2clip;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const JournalContent content = parse_journal(text);
  fuzz::property(content.good_bytes <= size, "good lines are lines of the file");
  for (const ChunkRecord& chunk : content.chunks) {
    fuzz::property(chunk.first < chunk.end && chunk.rows <= chunk.end - chunk.first,
                   "a chunk has no more rows than inputs");
    fuzz::property(chunk.file.find('/') == std::string::npos, "chunks are in the run's folder");
    fuzz::property(chunk.outcomes_at <= chunk.bytes, "outcomes are in the chunk");
  }
  std::uint64_t end = 0;
  for (const ChunkRange& range : newest_chunks(content.chunks)) {
    fuzz::property(range.first >= end && range.first < range.end,
                   "ranges ascend and hold something");
    fuzz::property(range.first >= range.chunk.first && range.end <= range.chunk.end,
                   "a range is of its chunk");
    end = range.end;
  }
  fuzz::property(!content.finished || content.finished->inputs <= content.finished->listed,
                 "a run has no more inputs than its list");
  fuzz::property(content.chunk_bytes <= content.good_bytes, "chunks come before the end");
  const JournalContent again = parse_journal(text.substr(0, content.good_bytes));
  fuzz::property(again.good_bytes == content.good_bytes &&
                     again.chunks.size() == content.chunks.size() &&
                     again.finished.has_value() == content.finished.has_value(),
                 "what is good is good without what comes after it");
  return 0;
}
