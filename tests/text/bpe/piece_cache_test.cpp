#include "text/bpe/piece_cache.h"

#include <string>

#include "support/catch.h"

namespace llm2clip {
namespace {

using Ids = std::vector<std::uint32_t>;

Ids found(const PieceCache& cache, const std::string& piece) {
  const auto ids = cache.find(piece);
  return {ids.begin(), ids.end()};
}

// 30 bytes and 8 ids are the most.
TEST_CASE("a piece cache gives back what fits into it, and nothing else", "[text][piece_cache]") {
  PieceCache cache;
  CHECK(found(cache, "a").empty());
  for (const std::size_t size : {1U, 29U, 30U, 31U, 300U}) {
    const std::string piece(size, 'x');
    cache.put(piece, Ids{7, 8});
    CHECK(found(cache, piece) == (size <= 30 ? Ids{7, 8} : Ids{}));
  }
  for (const std::uint32_t count : {1U, 8U, 9U}) {
    const std::string piece = "ids " + std::to_string(count);
    cache.put(piece, Ids(count, count));
    CHECK(found(cache, piece) == (count <= 8 ? Ids(count, count) : Ids{}));
  }
  CHECK(found(cache, std::string("\0", 1)).empty());
}

TEST_CASE("a piece cache never gives the ids of another piece", "[text][piece_cache]") {
  PieceCache cache;
  std::uint32_t kept = 0;
  for (std::uint32_t number = 0; number < 100000; ++number) {
    cache.put("piece " + std::to_string(number), Ids{number});
  }
  for (std::uint32_t number = 0; number < 100000; ++number) {
    const Ids ids = found(cache, "piece " + std::to_string(number));
    if (!ids.empty() && ids != Ids{number}) FAIL(number);
    kept += ids.empty() ? 0 : 1;
  }
  CHECK(kept > 1000);
  CHECK(kept < 100000);
}

}  // namespace
}  // namespace llm2clip
