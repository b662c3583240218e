#include "encoder/text_parts.h"

#include <algorithm>
#include <numeric>

#include "encoder/cpu/certain_threads.h"
#include "support/catch.h"
#include "support/thread_count.h"

using namespace llm2clip;
using namespace llm2clip::testing;

namespace {

struct CountedTexts {
  std::vector<Tokens> tokens;
  TokenBatch batch;

  explicit CountedTexts(const std::vector<std::size_t>& counts) : batch(counts.size()) {
    for (const std::size_t count : counts) {
      tokens.push_back({.ids = std::vector<std::int64_t>(count, 1)});
    }
    std::iota(batch.begin(), batch.end(), std::size_t{0});
  }
};

TextParts parts_of(const CountedTexts& texts, std::int64_t per_pass, std::int64_t per_thread) {
  const CertainThreads threads;
  return part_texts(texts.tokens, texts.batch, per_pass, per_thread);
}

}  // namespace

TEST_CASE("threads take passes of as many tokens, with long texts and short ones",
          "[encoder][text_parts]") {
  const ThreadCount two(2);
  const CountedTexts texts({40, 38, 30, 20, 9, 8, 3, 2});
  const TextParts shared = parts_of(texts, 100, 32);
  CHECK(shared.threads == 2);
  REQUIRE(shared.parts.size() == 2);
  CHECK(shared.parts[0] == TokenBatch{0, 3, 4, 6, 7});
  CHECK(shared.parts[1] == TokenBatch{1, 2, 5});
  CHECK(count_tokens(texts.tokens, shared.parts[0]) == 74);
  for (const std::int64_t most : {40, 41, 50, 74, 75}) {
    const TextParts small = parts_of(CountedTexts({40, 38, 30, 20, 9, 8, 3, 2}), most, 16);
    for (const TokenBatch& part : small.parts) CHECK(count_tokens(texts.tokens, part) <= most);
  }
}

TEST_CASE("threads share a pass of few tokens, and one of a text that outweighs the others",
          "[encoder][text_parts]") {
  const ThreadCount two(2);
  const TextParts few = parts_of(CountedTexts({9, 8, 3}), 100, 32);
  CHECK(few.threads == 1);
  CHECK(few.parts == std::vector<TokenBatch>{{0, 1, 2}});
  const TextParts uneven = parts_of(CountedTexts({90, 10, 8}), 1000, 32);
  CHECK(uneven.threads == 1);
  CHECK(uneven.parts.size() == 1);
  const TextParts alone = parts_of(CountedTexts({300}), 100, 32);
  CHECK(alone.threads == 1);
  CHECK(alone.parts == std::vector<TokenBatch>{{0}});
}
