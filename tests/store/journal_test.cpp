#include "store/journal.h"

#include "store/scratch.h"
#include "support/catch.h"

namespace llm2clip {
namespace {

using testing::content_of;
using testing::put;
using testing::Scratch;

ShardRecord record(std::uint64_t first) {
  return {first, first + 4, 3, "part-00000.safetensors", 100, "abc", "def"};
}

TEST_CASE("a journal gives back what was appended", "[store][journal]") {
  const Scratch scratch;
  {
    Journal journal(scratch / "journal", 0);
    journal.append(record(0));
    journal.append(record(4));
  }
  JournalContent content = parse_journal(content_of(scratch / "journal"));
  REQUIRE(content.shards.size() == 2);
  CHECK(content.shards[1].first == 4);
  CHECK(content.shards[1].rows == 3);
  CHECK(content.shards[1].inputs_sha256 == "def");
  CHECK_FALSE(content.finished);
  Journal(scratch / "journal", content.good_bytes).append_finished();
  CHECK(parse_journal(content_of(scratch / "journal")).finished);
}

TEST_CASE("no change of a byte gives a journal that says something else", "[store][journal]") {
  const Scratch scratch;
  {
    Journal journal(scratch / "journal", 0);
    for (std::uint64_t i = 0; i < 3; ++i) journal.append(record(4 * i));
  }
  const std::string good = content_of(scratch / "journal");
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const int flip : {1, 32, 128}) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ flip);
      const JournalContent content = parse_journal(bad);
      INFO("byte " << at);
      REQUIRE(content.shards.size() < 3);
      for (std::size_t i = 0; i < content.shards.size(); ++i) {
        REQUIRE(content.shards[i].first == 4 * i);
      }
    }
  }
  for (std::size_t size = 0; size < good.size(); ++size) {
    REQUIRE(parse_journal(good.substr(0, size)).shards.size() < 3);
  }
}

TEST_CASE("a torn tail is cut when the journal is opened", "[store][journal]") {
  const Scratch scratch;
  { Journal(scratch / "journal", 0).append(record(0)); }
  const std::string good = content_of(scratch / "journal");
  put(scratch / "journal", good + "1234abcd {\"first\":4");
  { Journal(scratch / "journal", good.size()).append(record(4)); }
  CHECK(parse_journal(content_of(scratch / "journal")).shards.size() == 2);
}

}  // namespace
}  // namespace llm2clip
