#include "encoder/archive/archive_directory.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "support/catch.h"
#include "support/error.h"

namespace llm2clip {
namespace {

using testing::error_of;

std::string number(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xFF);
  return text;
}

// One record as both of its headers describe it; tests change one side.
struct Record {
  std::string name;
  std::string content;
  std::uint16_t flags = 0;
  std::uint16_t method = 0;
  std::uint32_t crc = 0;
  std::uint32_t stored = 0;
  std::uint32_t bytes = 0;
  std::uint32_t offset = 0;
};

struct Archive {
  std::vector<Record> local;
  std::vector<Record> central;
  std::string before, between, behind, comment;
  std::uint16_t entries = 0;
  std::int64_t directory_offset = -1;
  std::int64_t directory_bytes = -1;

  std::string bytes() const {
    std::string text = before;
    for (const Record& r : local) {
      text += number(0x04034b50, 4) + number(20, 2) + number(r.flags, 2) + number(r.method, 2) +
              number(0, 4) + number(r.crc, 4) + number(r.stored, 4) + number(r.bytes, 4) +
              number(r.name.size(), 2) + number(0, 2) + r.name + r.content;
    }
    text += between;
    const std::size_t start = text.size();
    for (const Record& r : central) {
      text += number(0x02014b50, 4) + number(20, 2) + number(20, 2) + number(r.flags, 2) +
              number(r.method, 2) + number(0, 4) + number(r.crc, 4) + number(r.stored, 4) +
              number(r.bytes, 4) + number(r.name.size(), 2) + number(0, 8) + number(0, 4) +
              number(r.offset, 4) + r.name;
    }
    const std::size_t size = text.size() - start;
    const auto offset = directory_offset < 0 ? start : static_cast<std::size_t>(directory_offset);
    const auto bytes = directory_bytes < 0 ? size : static_cast<std::size_t>(directory_bytes);
    return text + number(0x06054b50, 4) + number(0, 4) + number(entries, 2) + number(entries, 2) +
           number(bytes, 4) + number(offset, 4) + number(comment.size(), 2) + comment + behind;
  }
};

Archive good_archive() {
  Archive archive;
  std::uint32_t offset = 0;
  for (const char* name : {"m/data.pkl", "m/data/0", "m/version"}) {
    const std::string content(40, 'x');
    archive.local.push_back({name, content, 0, 0, 7, 40, 40, offset});
    offset += static_cast<std::uint32_t>(30 + archive.local.back().name.size() + content.size());
  }
  archive.central = archive.local;
  archive.entries = 3;
  return archive;
}

std::vector<ArchiveEntry> read(const std::string& bytes) {
  return read_archive_directory(std::as_bytes(std::span(bytes)), "x.pt");
}

TEST_CASE("a directory gives records and where they are", "[archive_directory]") {
  const std::string bytes = good_archive().bytes();
  const auto entries = read(bytes);
  REQUIRE(entries.size() == 3);
  CHECK(entries[1].name == "data/0");
  CHECK(bytes.substr(entries[1].offset, entries[1].bytes) == std::string(40, 'x'));
}

TEST_CASE("archives with two meanings, and broken ones, are refused", "[archive_directory]") {
  using Change = std::function<void(Archive&)>;
  const std::vector<std::pair<const char*, Change>> tricks = {
      {"bytes before", [](Archive& a) { a.before = "MZ"; }},
      {"bytes between", [](Archive& a) { a.between = "hidden"; }},
      {"bytes behind", [](Archive& a) { a.behind = "x"; }},
      {"a comment", [](Archive& a) { a.comment = "x"; }},
      {"no records", [](Archive& a) { a.central.clear(), a.local.clear(), a.entries = 0; }},
      {"fewer than said", [](Archive& a) { a.entries = 4; }},
      {"more than said", [](Archive& a) { a.entries = 2; }},
      {"a record nobody names", [](Archive& a) { a.central.pop_back(), a.entries = 2; }},
      {"a name twice",
       [](Archive& a) {
         a.local[2].name = a.central[2].name = "m/data/00";
         a.local[2].name = a.central[2].name = "m/data/0";
       }},
      {"another root", [](Archive& a) { a.local[1].name = a.central[1].name = "n/data/0"; }},
      {"no root", [](Archive& a) { a.local[0].name = a.central[0].name = "m_data.pkl"; }},
      {"upwards", [](Archive& a) { a.local[1].name = a.central[1].name = "m/../a/0"; }},
      {"a dot", [](Archive& a) { a.local[1].name = a.central[1].name = "m/./da/0"; }},
      {"absolute", [](Archive& a) { a.local[1].name = a.central[1].name = "/m/dat/0"; }},
      {"backslash", [](Archive& a) { a.local[1].name = a.central[1].name = "m/d\\ta/0"; }},
      {"a drive", [](Archive& a) { a.local[1].name = a.central[1].name = "m/c:ta/0"; }},
      {"a folder", [](Archive& a) { a.local[1].name = a.central[1].name = "m/data0/"; }},
      {"two slashes", [](Archive& a) { a.local[1].name = a.central[1].name = "m//ata/0"; }},
      {"a control character",
       [](Archive& a) { a.local[1].name = a.central[1].name = "m/d\ata/0"; }},
      {"an empty name", [](Archive& a) { a.local[1].name = a.central[1].name = ""; }},
      {"other local name", [](Archive& a) { a.local[1].name = "m/data/1"; }},
      {"other central name", [](Archive& a) { a.central[1].name = "m/data/1"; }},
      {"compressed weights", [](Archive& a) { a.local[1].method = a.central[1].method = 8; }},
      {"another method", [](Archive& a) { a.local[1].method = a.central[1].method = 12; }},
      {"local says compressed", [](Archive& a) { a.local[1].method = 8; }},
      {"encrypted", [](Archive& a) { a.local[1].flags = a.central[1].flags = 1; }},
      {"other flags", [](Archive& a) { a.local[1].flags = 2; }},
      {"other local size", [](Archive& a) { a.local[1].bytes = 41; }},
      {"other local stored size", [](Archive& a) { a.local[1].stored = 39; }},
      {"two sizes", [](Archive& a) { a.central[1].bytes = 41; }},
      {"too large", [](Archive& a) { a.central[1].bytes = a.central[1].stored = 4000; }},
      {"huge", [](Archive& a) { a.central[1].bytes = a.central[1].stored = 0xFFFFFFFE; }},
      {"zip64 without its field", [](Archive& a) { a.central[1].bytes = 0xFFFFFFFF; }},
      {"too small",
       [](Archive& a) {
         a.central[1].bytes = a.central[1].stored = a.local[1].bytes = a.local[1].stored = 20;
       }},
      {"other checksum", [](Archive& a) { a.local[1].crc = 8; }},
      {"offset of another", [](Archive& a) { a.central[1].offset = a.central[0].offset; }},
      {"offset inside another", [](Archive& a) { a.central[1].offset += 3; }},
      {"offset far away", [](Archive& a) { a.central[1].offset = 0xFFFFFF00; }},
      {"a descriptor that is none", [](Archive& a) { a.local[1].flags = a.central[1].flags = 8; }},
      {"a directory too early", [](Archive& a) { a.directory_offset = 10; }},
      {"a directory too late", [](Archive& a) { a.directory_offset = 100'000; }},
      {"a directory too long", [](Archive& a) { a.directory_bytes = 100'000; }},
      {"a directory too short", [](Archive& a) { a.directory_bytes = 50; }},
  };
  CHECK(tricks.size() >= 40);
  for (const auto& [name, change] : tricks) {
    INFO(name);
    Archive archive = good_archive();
    change(archive);
    const std::string bytes = archive.bytes();
    const Error error = error_of([&] { read(bytes); });
    CHECK(error.kind() == ErrorKind::bad_model);
    CHECK(std::string(error.what()).starts_with("x.pt: "));
  }
}

TEST_CASE("an archive that is cut anywhere is refused", "[archive_directory]") {
  const std::string bytes = good_archive().bytes();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK(error_of([&] { read(bytes.substr(0, size)); }).kind() == ErrorKind::bad_model);
  }
}

}  // namespace
}  // namespace llm2clip
