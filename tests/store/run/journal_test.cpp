#include "store/run/journal.h"

#include "support/catch.h"
#include "support/scratch.h"

namespace llm2clip {
namespace {

namespace fs = std::filesystem;
using testing::content_of;
using testing::put;
using testing::Scratch;

ChunkRecord record(std::uint64_t first) {
  return {first, first + 4, 3, "chunk-00000.safetensors", 100, std::string(64, 'a'), 50};
}

RunEnd end_of(std::uint64_t inputs) { return {inputs, 2 * inputs, std::string(64, 'b')}; }

TEST_CASE("a journal gives back what was appended", "[store][journal]") {
  const Scratch scratch;
  {
    Journal journal(scratch / "journal", {});
    journal.append(record(0));
    journal.append(record(4));
  }
  JournalContent content = parse_journal(content_of(scratch / "journal"));
  REQUIRE(content.chunks.size() == 2);
  CHECK(content.chunks[1].first == 4);
  CHECK(content.chunks[1].rows == 3);
  CHECK(content.chunks[1].outcomes_at == 50);
  CHECK_FALSE(content.finished);
  Journal(scratch / "journal", content).append_finished(end_of(8));
  content = parse_journal(content_of(scratch / "journal"));
  REQUIRE(content.finished);
  CHECK(content.finished->inputs == 8);
  CHECK(content.finished->listed == 16);
  CHECK(content.finished->list_sha256 == std::string(64, 'b'));
}

TEST_CASE("what is appended to a finished journal takes the place of its end", "[store][journal]") {
  const Scratch scratch;
  {
    Journal journal(scratch / "journal", {});
    journal.append(record(0));
    journal.append_finished(end_of(4));
  }
  const std::string finished = content_of(scratch / "journal");
  {
    const Journal opened(scratch / "journal", parse_journal(finished));
  }
  CHECK(content_of(scratch / "journal") == finished);
  {
    Journal(scratch / "journal", parse_journal(finished)).append(record(4));
  }
  JournalContent content = parse_journal(content_of(scratch / "journal"));
  CHECK(content.chunks.size() == 2);
  CHECK_FALSE(content.finished);
  {
    Journal(scratch / "journal", content).append_finished(end_of(8));
  }
  {
    Journal(scratch / "journal", parse_journal(content_of(scratch / "journal")))
        .append_finished(end_of(9));
  }
  content = parse_journal(content_of(scratch / "journal"));
  CHECK(content.chunks.size() == 2);
  CHECK(content.finished->inputs == 9);
}

TEST_CASE("a line that no run writes ends a journal", "[store][journal]") {
  const Scratch scratch;
  const auto shards_with = [&](const ChunkRecord& wrong) {
    fs::remove(scratch / "journal");
    Journal(scratch / "journal", {}).append(wrong);
    return parse_journal(content_of(scratch / "journal")).chunks.size();
  };
  CHECK(shards_with(record(0)) == 1);
  for (const char* name : {"../chunk-00000.safetensors", "lock", "chunk-.safetensors",
                           "chunk-1x.safetensors", "chunk-0/1.safetensors", "."}) {
    ChunkRecord wrong = record(0);
    wrong.file = name;
    CHECK(shards_with(wrong) == 0);
  }
  ChunkRecord wrong = record(0);
  wrong.sha256 = "abc";
  CHECK(shards_with(wrong) == 0);
  wrong = record(0);
  wrong.outcomes_at = 101;
  CHECK(shards_with(wrong) == 0);
  wrong = record(0);
  wrong.end = wrong.first;
  CHECK(shards_with(wrong) == 0);
  wrong = record(0);
  wrong.rows = 5;
  CHECK(shards_with(wrong) == 0);
}

TEST_CASE("no change of a byte gives a journal that says something else", "[store][journal]") {
  const Scratch scratch;
  {
    Journal journal(scratch / "journal", {});
    for (std::uint64_t i = 0; i < 3; ++i) journal.append(record(4 * i));
  }
  const std::string good = content_of(scratch / "journal");
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const int flip : {1, 32, 128}) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ flip);
      const JournalContent content = parse_journal(bad);
      INFO("byte " << at);
      REQUIRE(content.chunks.size() < 3);
      for (std::size_t i = 0; i < content.chunks.size(); ++i) {
        REQUIRE(content.chunks[i].first == 4 * i);
      }
    }
  }
  for (std::size_t size = 0; size < good.size(); ++size) {
    REQUIRE(parse_journal(good.substr(0, size)).chunks.size() < 3);
  }
}

TEST_CASE("a torn tail is cut when the journal is opened", "[store][journal]") {
  const Scratch scratch;
  {
    Journal(scratch / "journal", {}).append(record(0));
  }
  const std::string good = content_of(scratch / "journal");
  put(scratch / "journal", good + "1234abcd {\"first\":4");
  {
    Journal(scratch / "journal", parse_journal(content_of(scratch / "journal"))).append(record(4));
  }
  CHECK(parse_journal(content_of(scratch / "journal")).chunks.size() == 2);
}

}  // namespace
}  // namespace llm2clip
