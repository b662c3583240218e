#include "inputs/tar_inputs.h"

#include <archive.h>
#include <archive_entry.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "inputs/folder_images.h"
#include "inputs/scratch_folder.h"
#include "support/catch.h"

namespace llm2clip::cli {
namespace {

using testing::ScratchFolder;

struct Member {
  std::string name;
  std::string content;
};

enum class Filter { none, gzip, zstd };

void write_tar(const std::string& path, const std::vector<Member>& members,
               Filter filter = Filter::none) {
  archive* file = ::archive_write_new();
  ::archive_write_set_format_ustar(file);
  if (filter == Filter::gzip) ::archive_write_add_filter_gzip(file);
  if (filter == Filter::zstd) ::archive_write_add_filter_zstd(file);
  REQUIRE(::archive_write_open_filename(file, path.c_str()) == ARCHIVE_OK);
  for (const Member& member : members) {
    archive_entry* entry = ::archive_entry_new();
    ::archive_entry_set_pathname(entry, member.name.c_str());
    ::archive_entry_set_filetype(entry, AE_IFREG);
    ::archive_entry_set_size(entry, static_cast<la_int64_t>(member.content.size()));
    REQUIRE(::archive_write_header(file, entry) == ARCHIVE_OK);
    ::archive_write_data(file, member.content.data(), member.content.size());
    ::archive_entry_free(entry);
  }
  REQUIRE(::archive_write_free(file) == ARCHIVE_OK);
}

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Found {
  std::vector<std::pair<std::string, std::string>> inputs;  // id without the archive, content
  std::size_t failures = 0;
};

Found images_in(const std::string& path, std::uint64_t max_bytes = 1u << 20) {
  Messages messages({.quiet = true, .log_json = true});
  InputPolicy policy(OnError::skip, messages);
  TarInputs inputs(path, {has_image_ending, "the ending of an image", max_bytes, ""}, policy);
  Found found;
  while (const auto input = inputs.next()) {
    found.inputs.emplace_back(input->id.substr(path.size() + 1),
                              std::string(input->content.begin(), input->content.end()));
  }
  found.failures = policy.failures();
  CHECK_FALSE(inputs.next());
  return found;
}

const std::vector<Member>& samples() {
  static const std::vector<Member> kSamples = {
      {"s/000.jpg", std::string(3000, 'a')}, {"s/000.txt", "a dog"},        {"s/000.json", "{}"},
      {"s/001.PNG", std::string(512, 'b')},  {"s/001.txt", "a cat"},        {"s/002.webp", ""},
      {"s/003.png", std::string(700, 'c')},  {"s/nested.tar", "not opened"}};
  return kSamples;
}

void check_samples(const Found& found) {
  REQUIRE(found.inputs.size() == 4);
  CHECK(found.failures == 0);
  CHECK(found.inputs[0] == std::pair{samples()[0].name, samples()[0].content});
  CHECK(found.inputs[1] == std::pair{samples()[3].name, samples()[3].content});
  CHECK(found.inputs[2] == std::pair{samples()[5].name, samples()[5].content});
  CHECK(found.inputs[3] == std::pair{samples()[6].name, samples()[6].content});
}

TEST_CASE("archives are known by their endings", "[tools][tar_file]") {
  for (const char* name : {"a.tar", "x/A.TAR", "a.tar.gz", "a.tgz", "a.tar.zst"}) {
    CHECK(has_tar_ending(name));
  }
  for (const char* name : {"", "tar", "a.tarx", "a.gz", "a.tar/b", "a.zip"}) {
    CHECK_FALSE(has_tar_ending(name));
  }
}

TEST_CASE("members with the endings are inputs, through gzip and Zstandard too",
          "[tools][tar_inputs]") {
  const ScratchFolder folder;
  for (const Filter filter : {Filter::none, Filter::gzip, Filter::zstd}) {
    write_tar(folder.path("s.tar"), samples(), filter);
    check_samples(images_in(folder.path("s.tar")));
  }
}

TEST_CASE("an archive cut anywhere gives its whole members and one failure",
          "[tools][tar_inputs]") {
  const ScratchFolder folder;
  write_tar(folder.path("s.tar"), samples());
  const std::string whole = content_of(folder.path("s.tar"));
  const Found all = images_in(folder.path("s.tar"));
  // The mark of the end is two blocks of zeros after the last member; libarchive pads after it.
  const std::size_t end = whole.find_last_not_of('\0') + 1;
  for (std::size_t length = 0; length < end; length += 128) {
    const Found found = images_in(folder.write("cut.tar", whole.substr(0, length)));
    INFO(length << " of " << whole.size() << " bytes");
    CHECK(found.failures == 1);
    REQUIRE(found.inputs.size() <= all.inputs.size());
    CHECK(std::equal(found.inputs.begin(), found.inputs.end(), all.inputs.begin()));
  }
}

TEST_CASE("a compressed archive cut anywhere is one failure", "[tools][tar_inputs]") {
  const ScratchFolder folder;
  std::mt19937 random(1);
  std::string noise(20'000, '\0');
  for (char& c : noise) c = static_cast<char>(random());
  for (const Filter filter : {Filter::gzip, Filter::zstd}) {
    write_tar(folder.path("s.tar"), {{"a.png", "x"}, {"b.png", noise}}, filter);
    const std::string whole = content_of(folder.path("s.tar"));
    for (std::size_t length = 0; length + 512 < whole.size(); length += 500) {
      INFO(length << " of " << whole.size() << " bytes");
      CHECK(images_in(folder.write("cut.tar", whole.substr(0, length))).failures == 1);
    }
  }
}

TEST_CASE("a member over the limit fails and the others stand", "[tools][tar_inputs]") {
  const ScratchFolder folder;
  write_tar(folder.path("s.tar"), samples());
  const Found found = images_in(folder.path("s.tar"), 2999);
  CHECK(found.failures == 1);
  REQUIRE(found.inputs.size() == 3);
  CHECK(found.inputs[0].first == "s/001.PNG");
}

TEST_CASE("an archive without such a member is a failure", "[tools][tar_inputs]") {
  const ScratchFolder folder;
  write_tar(folder.path("s.tar"), {{"a.txt", "a dog"}});
  CHECK(images_in(folder.path("s.tar")).failures == 1);
  write_tar(folder.path("s.tar"), {});
  CHECK(images_in(folder.path("s.tar")).failures == 1);
}

// Writes a number over a field of the header at `start`, and the checksum that then fits.
void set_field(std::string& tar, std::size_t start, std::size_t field, const std::string& value) {
  tar.replace(start + field, value.size(), value);
  tar.replace(start + 148, 8, "        ");
  unsigned sum = 0;
  for (std::size_t i = 0; i < 512; ++i) sum += static_cast<unsigned char>(tar[start + i]);
  std::array<char, 8> digits{};
  std::snprintf(digits.data(), digits.size(), "%06o", sum);
  tar.replace(start + 148, 7, digits.data(), 7);
}

TEST_CASE("sizes that lie are failures and take no memory", "[tools][tar_inputs]") {
  const ScratchFolder folder;
  write_tar(folder.path("s.tar"), samples());
  const std::string whole = content_of(folder.path("s.tar"));
  const std::string most = "\x80" + std::string(3, '\0') + "\x7f" + std::string(7, '\xff');
  const std::string negative(12, '\xff');
  for (const std::string& size :
       {std::string("77777777777\0", 12), std::string("00004000000\0", 12), most, negative,
        std::string("99999999999\0", 12)}) {
    std::string tar = whole;
    set_field(tar, 0, 124, size);
    const Found found = images_in(folder.write("lie.tar", tar));
    CHECK(found.failures >= 1);
    CHECK(found.inputs.size() < 4);
  }
}

TEST_CASE("links and devices with the name of an image are failures", "[tools][tar_inputs]") {
  const ScratchFolder folder;
  write_tar(folder.path("s.tar"), {{"a.png", ""}, {"b.png", "good"}});
  const std::string whole = content_of(folder.path("s.tar"));
  for (const char* type : {"1", "2", "3", "4", "5", "6"}) {
    std::string tar = whole;
    if (*type == '1' || *type == '2') tar.replace(157, 11, "/etc/passwd");
    set_field(tar, 0, 156, type);
    const Found found = images_in(folder.write("link.tar", tar));
    INFO(type);
    CHECK(found.failures == 1);
    REQUIRE(found.inputs.size() == 1);
    CHECK(found.inputs[0] == std::pair<std::string, std::string>{"b.png", "good"});
  }
}

TEST_CASE("archives with flipped bytes end in failures, never in anything else",
          "[tools][tar_inputs]") {
  const ScratchFolder folder;
  std::mt19937 random(7);
  for (const Filter filter : {Filter::none, Filter::gzip, Filter::zstd}) {
    write_tar(folder.path("s.tar"), samples(), filter);
    const std::string whole = content_of(folder.path("s.tar"));
    for (int round = 0; round < 700; ++round) {
      std::string tar = whole;
      for (std::size_t flips = 1 + random() % 8; flips > 0; --flips) {
        tar[random() % tar.size()] = static_cast<char>(random());
      }
      if (round % 3 == 0) tar.resize(random() % tar.size());
      const Found found = images_in(folder.write("flip.tar", tar));
      CHECK(found.inputs.size() <= samples().size());
    }
  }
}

}  // namespace
}  // namespace llm2clip::cli
