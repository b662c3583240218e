#include "store/run/chunk_ranges.h"

#include <algorithm>
#include <iterator>
#include <map>

#include "store/run/chunk_file.h"

namespace llm2clip {
namespace {

using Ranges = std::map<std::uint64_t, ChunkRange>;  // by first input

// Takes the inputs first <= i < end from whatever range holds them.
void cut_out(Ranges& ranges, std::uint64_t first, std::uint64_t end) {
  auto at = ranges.lower_bound(first);
  if (at != ranges.begin() && std::prev(at)->second.end > first) --at;
  while (at != ranges.end() && at->first < end) {
    const ChunkRange old = at->second;
    at = ranges.erase(at);
    if (old.first < first) ranges[old.first] = {old.first, first, 0, old.chunk};
    if (old.end > end) at = ranges.insert(at, {end, {end, old.end, 0, old.chunk}});
  }
}

}  // namespace

std::vector<ChunkRange> newest_chunks(const std::vector<ChunkRecord>& records) {
  return newest_chunks({}, records);
}

std::vector<ChunkRange> newest_chunks(const std::vector<ChunkRange>& ranges,
                                      const std::vector<ChunkRecord>& records) {
  Ranges newest;
  for (const ChunkRange& range : ranges) newest[range.first] = range;
  for (const ChunkRecord& record : records) {
    cut_out(newest, record.first, record.end);
    newest[record.first] = {record.first, record.end, record.rows, record};
  }
  std::vector<ChunkRange> found;
  for (auto& [first, range] : newest) found.push_back(std::move(range));
  return found;
}

void count_rows(const std::filesystem::path& folder, std::vector<ChunkRange>& ranges) {
  for (ChunkRange& range : ranges) {
    if (range.end - range.first == range.chunk.end - range.chunk.first) continue;
    const std::vector<InputOutcome> outcomes = read_outcomes(folder, range.chunk);
    const auto begin =
        outcomes.begin() + static_cast<std::ptrdiff_t>(range.first - range.chunk.first);
    const auto end = begin + static_cast<std::ptrdiff_t>(range.end - range.first);
    range.rows = static_cast<std::uint64_t>(
        std::count_if(begin, end, [](const InputOutcome& outcome) { return !outcome.failed; }));
  }
}

std::uint64_t end_without_gap(const std::vector<ChunkRange>& ranges) {
  std::uint64_t end = 0;
  for (const ChunkRange& range : ranges) {
    if (range.first != end) break;
    end = range.end;
  }
  return end;
}

}  // namespace llm2clip
