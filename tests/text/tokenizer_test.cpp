#include "llm2clip/tokenizer.h"

#include <pthread.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <random>
#include <thread>

#include "small_tokenizer.h"
#include "support/catch.h"
#include "support/error.h"

namespace llm2clip {
namespace {

using testing::error_of;
using testing::load_json;
using testing::small_tokenizer;
using testing::small_tokenizer_json;
using testing::SmallSpecials;
using Ids = std::vector<std::int64_t>;

// Llama 3's own, which is not in the repository.
std::optional<Tokenizer> real_tokenizer(const TokenizerOptions& options = {}) {
  const char* given = std::getenv("LLM2CLIP_ASSETS");
  const std::filesystem::path folder = given != nullptr ? given : "../shared/assets";
  const std::filesystem::path path = folder / "tokenizer.json";
  if (std::filesystem::exists(path)) return Tokenizer::load(path, options);
  WARN("skipped: " << path.string() << " is not here; set LLM2CLIP_ASSETS");
  return std::nullopt;
}

// The row of a text in the small tokenizer's prompt.
Ids small_row(const Ids& from_header) {
  Ids row = {SmallSpecials::begin, SmallSpecials::start, 'u', 's', 'e', 'r', SmallSpecials::end};
  row.insert(row.end(), from_header.begin(), from_header.end());
  row.push_back(SmallSpecials::eot);
  return row;
}

struct Expected {
  std::string text;
  Ids after_header;  // between <|end_header_id|> and <|eot_id|>
  int pooled;
};

void check_row(const Tokenizer& tokenizer, const std::string& text, const Ids& ids, int pooled) {
  INFO("text: " << text);
  const Tokens tokens = tokenizer.encode(text);
  CHECK(tokens.ids == ids);
  CHECK(tokens.pooled == pooled);
  CHECK_FALSE(tokens.truncated);
}

TEST_CASE("merges are applied as the file ranks them", "[text][tokenizer]") {
  const Tokenizer tokenizer = small_tokenizer();
  CHECK(tokenizer.encode_raw("hello") == Ids{260});
  CHECK(tokenizer.encode_raw("hell") == Ids{259});
  CHECK(tokenizer.encode_raw("hhello") == Ids{'h', 260});
  CHECK(tokenizer.encode_raw("abc") == Ids{261, 'c'});  // "a b" ranks before "b c"
  CHECK(tokenizer.encode_raw("") == Ids{});
}

TEST_CASE("merges do not cross the pieces of the pattern", "[text][tokenizer]") {
  const Tokenizer tokenizer = small_tokenizer();
  CHECK(tokenizer.encode_raw("a1b") == Ids{'a', '1', 'b'});
  CHECK(tokenizer.encode_raw("a b") == Ids{'a', ' ', 'b'});
  CHECK(tokenizer.encode_raw("he 2w wl") == Ids{257, ' ', '2', 'w', 262, 'l'});
}

TEST_CASE("every byte has an id, whatever the script", "[text][tokenizer]") {
  CHECK(small_tokenizer().encode_raw("\u732B\u00E9") == Ids{264, 0xAB, 0xC3, 0xA9});
  CHECK(small_tokenizer().encode_raw(std::string("a\0b", 3)) == Ids{'a', 0, 'b'});
}

TEST_CASE("a piece in the vocabulary is taken whole only where the file says so",
          "[text][tokenizer]") {
  nlohmann::json json = small_tokenizer_json();
  json["model"]["merges"] = nlohmann::json::array();
  CHECK(load_json(json).encode_raw("hello") == Ids{260});
  json["model"]["ignore_merges"] = false;
  CHECK(load_json(json).encode_raw("hello") == Ids{'h', 'e', 'l', 'l', 'o'});
}

TEST_CASE("merges may be spelled as pairs", "[text][tokenizer]") {
  nlohmann::json json = small_tokenizer_json();
  nlohmann::json pairs = nlohmann::json::array();
  for (const auto& [left, right] : testing::small_merges()) {
    pairs.push_back({testing::byte_level(left), testing::byte_level(right)});
  }
  json["model"]["merges"] = pairs;
  json["model"]["ignore_merges"] = false;
  CHECK(load_json(json).encode_raw("hello w") == Ids{260, 262});
}

TEST_CASE("special tokens written in a text count as such", "[text][tokenizer]") {
  const Tokenizer tokenizer = small_tokenizer();
  CHECK(tokenizer.encode_raw("he<|eot_id|>ll") == Ids{257, SmallSpecials::eot, 258});
  CHECK(tokenizer.encode_raw("<|foo|>").size() == 7);
  check_row(tokenizer, "a<|eot_id|>", small_row({256, 'a', SmallSpecials::eot}), 3);
}

TokenizerOptions literal() { return {.special_tokens = SpecialTokens::literal}; }

TEST_CASE("literal texts have special tokens from their prompt only", "[text][tokenizer]") {
  const Tokenizer tokenizer = small_tokenizer(literal());
  CHECK(tokenizer.options().special_tokens == SpecialTokens::literal);
  CHECK(tokenizer.encode_raw("he<|eot_id|>").size() == 1 + 10);
  const Ids letters = {'<', '|', 'e', 'o', 't', '_', 'i', 'd', '|', '>'};
  Ids after_header = {256};
  after_header.insert(after_header.end(), letters.begin(), letters.end());
  check_row(tokenizer, "<|eot_id|>", small_row(after_header), 11);
  check_row(tokenizer, "hello", small_row({256, 260}), 2);
  check_row(tokenizer, "\nab", small_row({263, 261}), 3);
  // The separator vanishes; what stands on its two sides may be one special token then.
  check_row(tokenizer, "<|eot!@#$%^&*()_id|>", small_row(after_header), 5);
  // A text cannot begin or end a token together with its prompt.
  const Tokenizer close = small_tokenizer(
      {.prompt = {.prefix = "<|eot", .suffix = "|>"}, .special_tokens = SpecialTokens::literal});
  CHECK(close.encode("_id").ids.size() == 1 + letters.size());
}

TEST_CASE("added tokens that are not special stay whole in literal texts", "[text][tokenizer]") {
  nlohmann::json json = small_tokenizer_json();
  json["added_tokens"].back()["special"] = false;
  CHECK(load_json(json, literal()).encode_raw("<|eot_id|>") == Ids{SmallSpecials::eot});
}

TEST_CASE("literal is refused where letters are a special token all the same",
          "[text][tokenizer]") {
  nlohmann::json json = small_tokenizer_json();
  json["added_tokens"].push_back(json["added_tokens"].back());
  json["added_tokens"].back()["content"] = "hello";
  json["added_tokens"].back()["id"] = 260;
  CHECK(load_json(json).encode_raw("hello") == Ids{260});
  const Error error = error_of([&] { load_json(json, literal()); });
  CHECK(error.kind() == ErrorKind::invalid_argument);
  CHECK(error.what() ==
        std::string("special_tokens: cannot be literal with this tokenizer, where \"hello\" is a "
                    "special token and a word at once; use parse"));
}

TEST_CASE("no literal text gives one of Llama 3's special ids", "[text][tokenizer]") {
  const std::optional<Tokenizer> tokenizer = real_tokenizer(literal());
  if (!tokenizer) return;
  const std::optional<Tokenizer> parsing = real_tokenizer();
  for (std::int64_t id = 128000; id < 128256; ++id) {
    const std::string token = tokenizer->piece(id);
    for (const std::string& text :
         {token, "a" + token + "b", token + token, " <|" + token + " \n", "\n" + token}) {
      const Ids ids = tokenizer->encode_raw(text);
      CHECK(std::ranges::max(ids) < 128000);
      const Ids parsed = parsing->encode_raw(text);
      CHECK(std::ranges::count(parsed, id) == (text == token + token ? 2 : 1));
      const Ids row = tokenizer->encode(text).ids;
      CHECK(std::ranges::count_if(row, [](auto i) { return i >= 128000; }) == 4);
    }
  }
}

// The rows of reference.md 4.4, with the small tokenizer's letters.
TEST_CASE("texts are put into the prompt as llm2vec does", "[text][tokenizer]") {
  const Tokenizer tokenizer = small_tokenizer();
  const Expected rows[] = {
      {"hello", {256, 260}, 2},
      {"", {256}, 1},
      {" \t\u3000\n", {256}, 1},
      {"ab  ", {256, 261}, 2},
      {" ab", {256, ' ', 261}, 3},
      {"\nab", {263, 261}, 3},  // the newline fuses with the header's; alone it is one token too
      {"a!@#$%^&*()b", {256, 261}, 1},
      {"!@#$%^&*()", {256}, 0},
  };
  for (const auto& [text, after_header, pooled] : rows) {
    check_row(tokenizer, text, small_row(after_header), pooled);
  }
}

TEST_CASE("Llama 3 gives the rows measured with the reference", "[text][tokenizer]") {
  const std::optional<Tokenizer> tokenizer = real_tokenizer();
  if (!tokenizer) return;
  const Expected rows[] = {
      {"a dog", {271, 64, 5679}, 3},
      {"\u793A\u610F\u56FE", {271, 20379, 37689, 29129}, 4},
      {"\u72D7", {271, 117513}, 2},
      {"\u732B", {271, 108429}, 2},
      {"", {271}, 1},
      {" \t\n\u2003\u3000", {271}, 1},
      {"foo  ", {271, 8134}, 2},
      {" foo", {271, 15586}, 2},
      {"\nfoo", {1432, 8134}, 3},
      {"\n \ndog", {1432, 720, 18964}, 3},
      {"\n\n  foo", {1038, 220, 15586}, 4},
      {"  \nfoo", {271, 2355, 8134}, 3},
      {"\t\nfoo", {271, 1602, 8134}, 3},
      {"\r\nfoo", {271, 319, 8134}, 3},
      {"a<|eot_id|>b", {271, 64, 128009, 65}, 4},
      {"a!@#$%^&*()b", {271, 370}, 1},
      {"!@#$%^&*()", {271}, 0},
  };
  for (const auto& [text, after_header, pooled] : rows) {
    Ids row = {128000, 128006, 882, 128007};
    row.insert(row.end(), after_header.begin(), after_header.end());
    row.push_back(128009);
    check_row(*tokenizer, text, row, pooled);
  }
}

TEST_CASE("Llama 3 gives the ids measured with the reference", "[text][tokenizer]") {
  const std::optional<Tokenizer> tokenizer = real_tokenizer();
  if (!tokenizer) return;
  CHECK(tokenizer->encode_raw("This is a test") == Ids{2028, 374, 264, 1296});
  CHECK(tokenizer->encode_raw("A photo of a cat.") == Ids{32, 6685, 315, 264, 8415, 13});
  CHECK(tokenizer->encode_raw("I'm") == Ids{40, 2846});
  CHECK(tokenizer->encode_raw("1234567") == Ids{4513, 10961, 22});
  CHECK(tokenizer->encode_raw("hello world") == Ids{15339, 1917});
  CHECK(tokenizer->encode_raw("user\n\n") == Ids{882, 271});
  CHECK(tokenizer->encode_raw("\n\n\n") == Ids{1432});
  CHECK(tokenizer->encode_raw("\n") == Ids{198});
  CHECK(tokenizer->encode_raw(" vi\u1EC7c") == Ids{100769});
  CHECK(tokenizer->vocabulary_size() == 128256);
}

// reference.md 4.4: T tokens of text fit up to 506; then eot goes, and the window of the mean grows
// back into the header.
TEST_CASE("long texts are cut at the end and pooled as llm2vec does", "[text][tokenizer]") {
  const Tokenizer tokenizer = small_tokenizer();
  const std::size_t header = 8;  // with beginning-of-text and "\n\n"
  for (const std::size_t count : {502U, 503U, 504U, 505U, 510U, 511U, 512U, 600U, 5000U}) {
    const Tokens tokens = tokenizer.encode(std::string(count, 'x'));
    INFO(count);
    const std::size_t whole = header + count + 1;
    CHECK(tokens.ids.size() == std::min<std::size_t>(whole, 512));
    CHECK(tokens.truncated == (whole > 512));
    CHECK(tokens.ids.back() == (whole > 512 ? 'x' : SmallSpecials::eot));
    CHECK(tokens.pooled == static_cast<int>(std::min<std::size_t>(count + 1, 512)));
  }
}

TEST_CASE("max_tokens is the caller's", "[text][tokenizer]") {
  const Tokenizer tokenizer = small_tokenizer({.prompt = {}, .max_tokens = 3});
  check_row(tokenizer, "hello", {SmallSpecials::begin, 260}, 1);
  const Tokens cut = tokenizer.encode("1 2 3");
  CHECK(cut.ids == Ids{SmallSpecials::begin, '1', ' '});
  CHECK(cut.pooled == 3);
  CHECK(cut.truncated);

  const Error error = error_of([] { small_tokenizer({.prompt = {}, .max_tokens = 1}); });
  CHECK(error.kind() == ErrorKind::invalid_argument);
  CHECK(error.what() == std::string("max_tokens: 1 leaves no room for a text, expected 2 or more"));
}

TEST_CASE("texts above doc_max_length lose whole words from their end", "[text][tokenizer]") {
  // Without merges every byte is a token: "aa bb  cc" has 9, and int(3 * 6 / 9) words remain.
  const auto ids = [](int doc_max_length, const char* text) {
    return small_tokenizer({.prompt = {}, .max_tokens = 64, .doc_max_length = doc_max_length})
        .encode(text);
  };
  CHECK(ids(9, "xx yy  zz").ids == ids(64, "xx yy  zz").ids);
  CHECK_FALSE(ids(9, "xx yy  zz").truncated);
  CHECK(ids(6, "xx yy  zz").ids == ids(64, "xx yy").ids);
  CHECK(ids(6, "xx yy  zz").truncated);
  CHECK(ids(6, "xxxxxxxxxx").ids == ids(64, "").ids);
  const Error error = error_of([&] { ids(0, "x"); });
  CHECK(error.what() == std::string("doc_max_length: 0, expected 1 or more"));
}

TEST_CASE("pooled never exceeds the row", "[text][tokenizer]") {
  // Alone "hel" is two tokens, in company the whole row is one.
  const Tokenizer tokenizer =
      small_tokenizer({.prompt = {.prefix = "", .suffix = "", .separator = "|"}, .max_tokens = 9});
  check_row(tokenizer, "hel|lo", {SmallSpecials::begin, 260}, 2);
  check_row(tokenizer, "1234|5", {SmallSpecials::begin, '1', '2', '3', '4', '5'}, 4);
}

TEST_CASE("a Llama-3 tokenizer without its template begins with beginning-of-text all the same",
          "[text][tokenizer]") {
  nlohmann::json json = small_tokenizer_json();
  json["post_processor"] = nullptr;
  check_row(load_json(json), "ab", small_row({256, 261}), 2);
  json["post_processor"] = {{"type", "ByteLevel"}};
  check_row(load_json(json), "ab", small_row({256, 261}), 2);
}

TEST_CASE("texts that are not UTF-8 are refused with the offset", "[text][tokenizer]") {
  const Tokenizer tokenizer = small_tokenizer();
  for (const bool raw : {false, true}) {
    const Error error = error_of([&] {
      const std::string text = "a \xED\xA0\x80";
      raw ? (void)tokenizer.encode_raw(text) : (void)tokenizer.encode(text);
    });
    CHECK(error.kind() == ErrorKind::unreadable_input);
    CHECK(error.what() == std::string("text: invalid UTF-8 at byte 2 (0xED)"));
  }
}

TEST_CASE("prompts that cannot be used are refused", "[text][tokenizer]") {
  const auto message = [](Prompt prompt) {
    const Error error =
        error_of([&] { small_tokenizer({.prompt = std::move(prompt), .max_tokens = 512}); });
    CHECK(error.kind() == ErrorKind::invalid_argument);
    return std::string(error.what());
  };
  CHECK(message({.prefix = "\xFF", .suffix = ""}) ==
        "prompt.prefix: invalid UTF-8 at byte 0 (0xFF)");
  CHECK(message({.prefix = "", .suffix = "a\xC3"}) ==
        "prompt.suffix: invalid UTF-8 at byte 1 (0xC3)");
  CHECK(message({.prefix = "", .suffix = "", .separator = ""}) == "prompt.separator: is empty");
}

TEST_CASE("piece gives the bytes behind an id", "[text][tokenizer]") {
  const Tokenizer tokenizer = small_tokenizer();
  CHECK(tokenizer.vocabulary_size() == 270);
  CHECK(tokenizer.piece(260) == "hello");
  CHECK(tokenizer.piece(262) == " w");
  CHECK(tokenizer.piece(264) == "\xE7\x8C");
  CHECK(tokenizer.piece(0) == std::string(1, '\0'));
  CHECK(tokenizer.piece(SmallSpecials::eot) == "<|eot_id|>");
  for (const std::int64_t id : {std::int64_t{-1}, std::int64_t{270}, std::int64_t{1} << 40}) {
    CHECK(error_of([&] { (void)tokenizer.piece(id); }).kind() == ErrorKind::invalid_argument);
  }
}

TEST_CASE("pieces put together give the text", "[text][tokenizer]") {
  const Tokenizer tokenizer = small_tokenizer();
  const std::string text = "hello wabc \u732B\r\n\t'S 12345 <|eot_id|> \U0001F469\u200D\U0001F4BB";
  std::string joined;
  for (const std::int64_t id : tokenizer.encode_raw(text)) joined += tokenizer.piece(id);
  CHECK(joined == text);
}

std::string repeated(const std::string& unit, std::size_t size) {
  std::string text;
  while (text.size() < size) text += unit;
  return text;
}

// One mebibyte each of what regex engines and naive merge loops choke on.
std::vector<std::string> heavy_texts() {
  constexpr std::size_t kSize = 1U << 20;
  std::vector<std::string> texts;
  for (const char* unit : {"a",
                           " ",
                           "\n",
                           ".",
                           "1",
                           "^",
                           "\t",
                           "\r\n",
                           "'",
                           "'s",
                           " a",
                           "ab",
                           "l",
                           "\u4E2D",
                           "\u0301",
                           "\u3000",
                           "\u2028",
                           "\U0001F469\u200D\U0001F4BB",
                           "\u0627\u0644",
                           "the cat sat ",
                           "<",
                           "<|",
                           "<|eot_id|>",
                           "<|reserved",
                           " \n",
                           "hello",
                           "!@#$%^&*()"}) {
    texts.push_back(repeated(unit, kSize));
  }
  texts.push_back(std::string(kSize, ' ') + "a");
  texts.push_back(repeated(std::string(1000, ' ') + "a", kSize));
  return texts;
}

void encode_heavy_texts(const Tokenizer& tokenizer) {
  for (const std::string& text : heavy_texts()) {
    CHECK(tokenizer.encode(text).ids.size() <= 512);
    CHECK_FALSE(tokenizer.encode_raw(text).empty());
  }
}

// Calls `call` on a thread whose stack is 256 KiB: a recursion on the text would end the process.
template <typename Call>
void on_small_stack(Call call) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  REQUIRE(pthread_attr_setstacksize(&attributes, 256U << 10) == 0);
  pthread_t thread{};
  const auto run = [](void* argument) -> void* {
    (*static_cast<Call*>(argument))();
    return nullptr;
  };
  REQUIRE(pthread_create(&thread, &attributes, run, &call) == 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
}

TEST_CASE("a mebibyte of anything is done, without recursion", "[text][tokenizer]") {
  nlohmann::json json = small_tokenizer_json();
  json["model"]["ignore_merges"] = false;
  const Tokenizer tokenizer = load_json(json);
  on_small_stack([&] { encode_heavy_texts(tokenizer); });
}

TEST_CASE("a mebibyte of anything is done by Llama 3, without recursion", "[text][tokenizer]") {
  const std::optional<Tokenizer> tokenizer = real_tokenizer();
  if (!tokenizer) return;
  on_small_stack([&] { encode_heavy_texts(*tokenizer); });
}

// Pieces that were met before are remembered; a tokenizer that is new remembers nothing.
TEST_CASE("the ids of a text do not depend on the texts before it", "[text][tokenizer]") {
  nlohmann::json json = small_tokenizer_json();
  json["model"]["ignore_merges"] = false;
  const Tokenizer old = load_json(json);
  std::mt19937 random(5);
  for (int round = 0; round < 40; ++round) {
    std::vector<std::string> texts(60);
    for (std::string& text : texts) {
      for (std::size_t length = random() % 40; length > 0; --length) {
        append_utf8(text, U"hello wabc\n \u732B\u00E9'1"[random() % 16]);
      }
      (void)old.encode_raw(text);
    }
    const Tokenizer fresh = load_json(json);
    for (const std::string& text : texts) CHECK(old.encode_raw(text) == fresh.encode_raw(text));
  }
}

TEST_CASE("several threads may encode at once", "[text][tokenizer]") {
  const Tokenizer tokenizer = small_tokenizer();
  const std::string texts[] = {"hello world", "hell abc", "12 " + std::string(700, 'l'), ""};
  std::vector<Ids> expected;
  for (const std::string& text : texts) expected.push_back(tokenizer.encode_raw(text));
  std::vector<int> differences(4);
  std::vector<std::thread> threads;
  for (int& difference : differences) {
    threads.emplace_back([&] {
      for (std::size_t i = 0; i < 2000; ++i) {
        difference += tokenizer.encode_raw(texts[i % 4]) != expected[i % 4];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(differences == std::vector<int>(4));
}

}  // namespace
}  // namespace llm2clip
