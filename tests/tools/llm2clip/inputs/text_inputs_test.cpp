#include "inputs/text_inputs.h"

#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>

#include "support/catch.h"
#include "support/error.h"

namespace llm2clip::cli {
namespace {

using testing::error_of;

// A file with `content` that goes away with the object.
class TextFile {
 public:
  explicit TextFile(const std::string& content) {
    std::ofstream(path_, std::ios::binary) << content;
  }
  ~TextFile() { std::filesystem::remove(path_); }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_ = std::filesystem::temp_directory_path() /
                                ("llm2clip-texts-" + std::to_string(::getpid()) + ".txt");
};

std::vector<ListedText> all_of(const TextFlags& flags, InputPolicy& policy) {
  TextInputs inputs(flags, policy);
  std::vector<ListedText> found;
  while (const std::optional<ListedText> input = inputs.next()) found.push_back(*input);
  return found;
}

std::vector<ListedText> all_of(const TextFlags& flags) {
  Messages messages({.quiet = true});
  InputPolicy policy(OnError::fail, messages);
  return all_of(flags, policy);
}

TEST_CASE("a line is what stands before its line feed", "[tools][text_inputs]") {
  const TextFile file(std::string("one\r\n\n two \t\r\r\nthree\0x\nlast", 27));
  const auto inputs = all_of({.texts = {"first"}, .files = {file.path()}});
  REQUIRE(inputs.size() == 6);
  CHECK(inputs[0].text == "first");
  CHECK(inputs[0].place == "-t 1");
  CHECK(inputs[1].text == "one");
  CHECK(inputs[2].text.empty());
  CHECK(inputs[3].text == " two \t\r");
  CHECK(inputs[4].text == std::string("three\0x", 7));
  CHECK(inputs[5].text == "last");
  CHECK(inputs[5].place == file.path() + ":5");
}

TEST_CASE("an id that is a list or an object is refused, however deep", "[tools][text_inputs]") {
  const std::string deep = std::string(200'000, '[') + std::string(200'000, ']');
  for (const std::string& id : {std::string("[1]"), std::string("{\"a\": 1}"), deep}) {
    const TextFile file("{\"text\": \"a dog\", \"id\": " + id + "}\n");
    const Error error = error_of([&] { all_of({.files = {file.path()}, .jsonl = true}); });
    CHECK(error.kind() == ErrorKind::unreadable_input);
    CHECK(std::string(error.what()).starts_with(file.path() + ":1: has a list or an object"));
  }
}

TEST_CASE("JSON lines give text and id by their names", "[tools][text_inputs]") {
  const TextFile file("{\"c\": \"a dog\", \"k\": 7}\n{\"c\": \"a cat\"}\n");
  TextFlags flags{.files = {file.path()}, .jsonl = true, .field = "c", .id_field = "k"};
  const auto inputs = all_of(flags);
  REQUIRE(inputs.size() == 2);
  CHECK(inputs[0].text == "a dog");
  CHECK(inputs[0].id == "7");
  CHECK(inputs[1].id == "a cat");
}

TEST_CASE("a line that is no object with the field is named and left out", "[tools][text_inputs]") {
  const TextFile file("{\"text\": 1}\nnot json\n[]\n\n{\"text\": \"good\"}\n");
  const TextFlags flags{.files = {file.path()}, .jsonl = true};
  Messages messages({.quiet = true, .log_json = true});
  InputPolicy policy(OnError::skip, messages);
  const auto inputs = all_of(flags, policy);
  REQUIRE(inputs.size() == 1);
  CHECK(inputs[0].text == "good");
  CHECK(policy.failures() == 3);

  CHECK(std::string(error_of([&] { all_of(flags); }).what()) ==
        file.path() + ":1: has no string under \"text\"; see --field");
}

TEST_CASE("a byte order mark is no text, and stands at the start of a file alone",
          "[tools][text_inputs]") {
  const std::string mark = "\xEF\xBB\xBF";
  const TextFile file(mark + "brown ring\n" + mark + "a dog\n");
  const auto inputs = all_of({.files = {file.path(), file.path()}});
  REQUIRE(inputs.size() == 4);
  for (const std::size_t first : {0u, 2u}) {
    CHECK(inputs[first].text == "brown ring");
    CHECK(inputs[first].id == "brown ring");
    CHECK(inputs[first + 1].text == mark + "a dog");
  }
  const TextFile lines(mark + "{\"text\": \"a\"}\n");
  CHECK(all_of({.files = {lines.path()}, .jsonl = true})[0].text == "a");
}

TEST_CASE("a file of a byte order mark alone is empty", "[tools][text_inputs]") {
  const TextFile mark("\xEF\xBB\xBF");
  CHECK(all_of({.files = {mark.path()}}).empty());
  CHECK(all_of({.files = {mark.path()}, .jsonl = true}).empty());
  const TextFile line("\xEF\xBB\xBF\n");
  CHECK(all_of({.files = {line.path()}}).size() == 1);
}

TEST_CASE("a mark does not count toward the length of a text", "[tools][text_inputs]") {
  const TextFile fits("\xEF\xBB\xBF" + std::string(10, 'x') + "\r\n");
  TextFlags flags{.files = {fits.path()}};
  flags.max_text_bytes = 10;
  CHECK(all_of(flags)[0].text == std::string(10, 'x'));
  flags.max_text_bytes = 9;
  CHECK(error_of([&] { all_of(flags); }).kind() == ErrorKind::unreadable_input);
  for (const std::size_t most : {SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / 16}) {
    flags.max_text_bytes = most;
    CHECK(all_of(flags).size() == 1);
  }
}

TEST_CASE("labels come without a byte order mark, and with their places", "[tools][text_inputs]") {
  const TextFile file(
      "\xEF\xBB\xBF"
      "dog\n\ncat\r\n");
  const std::vector<PlacedLine> lines = read_lines(file.path());
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].text == "dog");
  CHECK(lines[0].place == file.path() + ":1");
  CHECK(lines[1].text == "cat");
  CHECK(lines[1].place == file.path() + ":3");
}

TEST_CASE("a label that is not UTF-8 is named with its place", "[tools][text_inputs]") {
  check_utf8(
      {"stra\xC3\x9F"
       "e",
       "l:1"});
  for (const char* text : {"gr\xF6\xDF"
                           "e",
                           "caf\xC3", "\xED\xA0\x80", "\xC0\x80", "\xFF"}) {
    const Error error = error_of([&] { check_utf8({text, "l:2"}); });
    CHECK(error.kind() == ErrorKind::unreadable_input);
    CHECK(std::string(error.what()).starts_with("l:2: is not UTF-8: "));
  }
}

TEST_CASE("what fails is told by its id, whatever the message holds", "[tools][text_inputs]") {
  class Told final : public FailureSink {
   public:
    void failed(const std::string& id, const Error&) override { ids.push_back(id); }
    std::vector<std::string> ids;
  };
  const std::string path =
      (std::filesystem::temp_directory_path() / ("a: b" + std::to_string(::getpid()) + ".txt"))
          .string();
  std::ofstream(path) << "{\"text\": \"good\"}\n{}\n";
  Told told;
  const TextFlags flags{.files = {path, "c: d.tar"}, .jsonl = true};
  TextInputs inputs(flags, told);
  while (inputs.next()) {
  }
  std::filesystem::remove(path);
  CHECK(told.ids == std::vector<std::string>{path + ":2", "c: d.tar"});
}

TEST_CASE("a text that is too long is a failed input, and the rest goes on",
          "[tools][text_inputs]") {
  const std::string fits(10, 'x');
  const TextFile file(fits + "\n" + fits + "\r\n" + fits + "y\n" + fits + "y\r\n" + fits +
                      "\r\r\n" + std::string(3'000'000, 'z') + "\nlast");
  Messages messages({.quiet = true, .log_json = true});
  InputPolicy policy(OnError::skip, messages);
  TextFlags flags{.texts = {fits, fits + "y"}, .files = {file.path()}};
  flags.max_text_bytes = 10;
  const auto inputs = all_of(flags, policy);
  REQUIRE(inputs.size() == 4);
  for (std::size_t i = 0; i < 3; ++i) CHECK(inputs[i].text == fits);
  CHECK(inputs[3].text == "last");
  CHECK(inputs[3].place == file.path() + ":7");
  CHECK(policy.failures() == 5);

  flags.texts.clear();
  CHECK(std::string(error_of([&] { all_of(flags); }).what()) ==
        file.path() + ":3: has more than 10 bytes; raise it with --max-text-bytes");
}

TEST_CASE("of a JSON object the text counts, and the line sixteenfold", "[tools][text_inputs]") {
  const std::string longest = R"({"text": "0123456789"})";
  const std::string wide = longest + std::string(160 - longest.size(), ' ');
  const TextFile file(longest + "\n" + R"({"text": "0123456789a"})" + "\n" + wide + "\r\n" + wide +
                      "  \n" + longest);
  Messages messages({.quiet = true, .log_json = true});
  InputPolicy policy(OnError::skip, messages);
  TextFlags flags{.files = {file.path()}, .jsonl = true};
  flags.max_text_bytes = 10;
  CHECK(all_of(flags, policy).size() == 3);
  CHECK(policy.failures() == 2);
}

TEST_CASE("files that cannot be read stop the program", "[tools][text_inputs]") {
  CHECK(error_of([] { all_of({.files = {"/no/such/file"}}); }).kind() ==
        ErrorKind::unreadable_input);
  CHECK(error_of([] { all_of({.files = {"/tmp"}}); }).kind() == ErrorKind::unreadable_input);
}

}  // namespace
}  // namespace llm2clip::cli
