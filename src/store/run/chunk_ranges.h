#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "store/run/journal.h"

namespace llm2clip {

/// The inputs first <= i < end of a run, and the chunk that says what became of them: the chunk may
/// hold more, for which a later one counts.
struct ChunkRange {
  std::uint64_t first = 0;
  std::uint64_t end = 0;
  std::uint64_t rows = 0;  ///< of the range; the others failed
  ChunkRecord chunk;
};

/// Which chunk counts for which inputs, by first input, the later record before the earlier one.
/// `rows` is only known of chunks that count whole; see count_rows.
std::vector<ChunkRange> newest_chunks(const std::vector<ChunkRecord>& records);
/// The same, with records that are later than all of `ranges`.
std::vector<ChunkRange> newest_chunks(const std::vector<ChunkRange>& ranges,
                                      const std::vector<ChunkRecord>& records);

/// Fills in `rows` of those that count in part alone. Throws Error(io).
void count_rows(const std::filesystem::path& folder, std::vector<ChunkRange>& ranges);

/// The first input that no range holds; all are held from 0 on when it is where the last one ends.
std::uint64_t end_without_gap(const std::vector<ChunkRange>& ranges);

}  // namespace llm2clip
