#include "text/tokenizer_file.h"

#include <sys/stat.h>

#include <functional>

#include "small_tokenizer.h"
#include "support/catch.h"
#include "support/error.h"

namespace llm2clip {
namespace {

using nlohmann::json;
using testing::error_of;
using testing::load_json;
using testing::Scratch;
using testing::small_tokenizer_json;

// What is said of a file with this content, less the file's path.
std::string refusal(const std::string& bytes, const std::string& name = "tokenizer.json") {
  const Scratch folder;
  const std::filesystem::path path = folder.write(name, bytes);
  const Error error = error_of([&] { (void)Tokenizer::load(path); });
  CHECK(error.kind() == ErrorKind::bad_model);
  const std::string what = error.what();
  REQUIRE(what.starts_with(path.string() + ": "));
  CHECK(what.find('\n') == std::string::npos);
  return what.substr(path.string().size() + 2);
}

// What is said of the small tokenizer after a change of its JSON.
std::string refusal_after(const std::function<void(json&)>& change) {
  json file = small_tokenizer_json();
  change(file);
  return refusal(file.dump());
}

std::string refusal_with(const std::string& pointer, const json& value) {
  return refusal_after([&](json& file) { file[json::json_pointer(pointer)] = value; });
}

// The small tokenizer's text with one piece of it replaced: for what json cannot hold.
std::string refusal_of_text(const std::string& from, const std::string& to) {
  std::string text = small_tokenizer_json().dump();
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return refusal(text.replace(at, from.size(), to));
}

TEST_CASE("what is not a tokenizer at all is named", "[text][tokenizer_file]") {
  CHECK(refusal("") == "is empty; was it downloaded to its end?");
  CHECK(refusal("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n") ==
        "is a Git LFS pointer, not the tokenizer; run git lfs pull");
  CHECK(refusal("<!DOCTYPE html><html></html>") ==
        "is a web page, not a tokenizer; download the file itself");
  CHECK(refusal("IQ== 0\nIg== 1\n", "tokenizer.model") ==
        "is a tiktoken vocabulary (base64 and rank a line), not SentencePiece; use the "
        "tokenizer.json of the same model");
  const std::string neither =
      "is not a SentencePiece model: expected a tokenizer.json or a tokenizer.model";
  CHECK(refusal("nonsense") == neither);
  CHECK(refusal(std::string(1000, '\xFF')) == neither);
  CHECK(refusal("[1, 2]") == neither);
}

TEST_CASE("what is not a regular file is refused without reading it", "[text][tokenizer_file]") {
  const Scratch folder;
  const auto message = [](const std::filesystem::path& path) {
    const std::string what = error_of([&] { (void)Tokenizer::load(path); }).what();
    return what.substr(what.rfind(": ") + 2);
  };
  CHECK(message(folder.path()) == "is not a regular file");
  CHECK(message(folder.path() / "none") == "there is no such file");
  REQUIRE(mkfifo((folder.path() / "fifo").c_str(), 0600) == 0);
  CHECK(message(folder.path() / "fifo") == "is not a regular file");
  std::filesystem::create_symlink("loop", folder.path() / "loop");
  CHECK(message(folder.path() / "loop") == "there is no such file");
  folder.write("large", "{");
  std::filesystem::resize_file(folder.path() / "large", (64U << 20) + 1);
  CHECK(message(folder.path() / "large") == "has 67108865 bytes, tokenizers have at most 64 MiB");
}

TEST_CASE("the content decides what a file is, not its name", "[text][tokenizer_file]") {
  const Scratch folder;
  const std::string text = "\n  " + small_tokenizer_json().dump();
  CHECK(Tokenizer::load(folder.write("tokenizer.model", text)).vocabulary_size() == 270);
}

TEST_CASE("damaged JSON is refused", "[text][tokenizer_file]") {
  const std::string whole = small_tokenizer_json().dump();
  CHECK(refusal("{").starts_with("is not JSON: parse error at line 1, column 2"));
  CHECK(refusal(whole + "x").starts_with("is not JSON: "));
  CHECK(refusal("{\"model\": \"\xFF\"}").starts_with("is not JSON: "));
  CHECK(refusal("{\"a\": \"\\ud800\"}").starts_with("is not JSON: "));
  for (std::size_t size = 1; size < whole.size(); size += 97) {
    CHECK(refusal(whole.substr(0, size)).starts_with("is not JSON: "));
  }
  CHECK(refusal("{}") == "model: is missing");
  CHECK(refusal("{\"a\": " + std::string(100000, '[')) == "more than 64 levels of nesting");
  CHECK(refusal_of_text("\"version\"", "\"model\":1,\"version\"") == "key \"model\" stands twice");
  CHECK(refusal_of_text("\"type\":\"BPE\"", "\"type\":\"BPE\",\"type\":\"BPE\"") ==
        "key \"type\" stands twice");
}

TEST_CASE("vocabularies that are not tables are refused", "[text][tokenizer_file]") {
  const auto with = [](const std::string& entry) {
    return refusal_of_text("\"vocab\":{", "\"vocab\":{" + entry + ",");
  };
  CHECK(with("\"hello\":999") == "model.vocab: \"hello\" stands twice");
  CHECK(with("\"xyz\":260") == "model.vocab: id 260 stands twice");
  CHECK(with("\"xyz\":-1") ==
        "model.vocab: \"xyz\": expected an id from 0 to 2^31 - 1, got a negative number");
  CHECK(with("\"xyz\":2147483648") ==
        "model.vocab: \"xyz\" has id 2147483648, an integer below 2^31 is expected");
  CHECK(with("\"xyz\":1e30").ends_with("got a fraction or a number above 2^63"));
  CHECK(with("\"xyz\":18446744073709551616").ends_with("got a fraction or a number above 2^63"));
  CHECK(with("\"xyz\":\"1\"").ends_with("got a string"));
  CHECK(with("\"xyz\":null").ends_with("got null"));
  CHECK(with("\"xyz\":[1]").ends_with("got a list"));
  CHECK(with("\"xyz\":{}").ends_with("got an object"));
  CHECK(with("\"x y\":500") == "model.vocab: \"x y\" is not in the byte-level form of GPT-2");
  CHECK(refusal_after([](json& file) { file["model"]["vocab"].erase("a"); }) ==
        "model.merges: entry 5: \"a\" is not in model.vocab");
  CHECK(refusal_with("/model/vocab", "x") == "model.vocab: expected an object");
  CHECK(refusal_with("/model/vocab", json::array()) == "model.vocab: expected an object");
  CHECK(refusal_after([](json& file) { file["model"].erase("vocab"); }) ==
        "model.vocab: is missing");
  // The vocabulary entry that crashed llama.cpp's reader is a token like any other.
  json file = small_tokenizer_json();
  file["model"]["vocab"]["<0x-1>"] = 1000;
  file["added_tokens"] = json::array();
  file["post_processor"] = nullptr;
  CHECK(load_json(file).piece(1000) == "<0x-1>");
}

TEST_CASE("the highest id makes the size, and a gap is no token", "[text][tokenizer_file]") {
  json file = small_tokenizer_json();
  file["model"]["vocab"]["xyz"] = 0x7FFFFFFF;
  file["added_tokens"] = json::array();
  file["post_processor"] = nullptr;
  const Tokenizer tokenizer = load_json(file);
  CHECK(tokenizer.vocabulary_size() == 0x80000000);
  CHECK(tokenizer.piece(0x7FFFFFFF) == "xyz");
  CHECK(error_of([&] { (void)tokenizer.piece(5000); }).kind() == ErrorKind::invalid_argument);
}

TEST_CASE("merges that make no sense are refused", "[text][tokenizer_file]") {
  const auto with = [](const json& merge) {
    return refusal_after([&](json& file) { file["model"]["merges"].push_back(merge); });
  };
  CHECK(with("x y") == "model.merges: entry 10: \"xy\" is not in model.vocab");
  CHECK(with("h e") == "model.merges: entry 10: \"h\" and \"e\" merge twice");
  CHECK(with("hello ") == "model.merges: entry 10: an empty token");
  CHECK(with("he llo") == "model.merges: entry 10: \"llo\" is not in model.vocab");
  CHECK(with("hello") ==
        "model.merges: entry 10: expected two tokens and a space between, got \"hello\"");
  CHECK(with("a b c").ends_with("got \"a b c\""));
  CHECK(with({"a"}) == "model.merges: entry 10: expected two tokens, got 1");
  CHECK(with({"a", "b", "c"}).ends_with("got 3"));
  CHECK(with({"a", 1}).ends_with(R"(expected "a b" or ["a", "b"], got a number)"));
  CHECK(with({"a", {"b"}}).ends_with("got a list"));
  CHECK(with(1).ends_with("got a number"));
  CHECK(with(nullptr).ends_with("got null"));
  CHECK(with(json::object()).ends_with("got an object"));
  CHECK(refusal_with("/model/merges", "h e") == "model.merges: expected a list, got \"h e\"");
  CHECK(refusal_with("/model/merges", json::object()) ==
        "model.merges: expected a list, got an object");
}

TEST_CASE("settings that would change ids are refused by name", "[text][tokenizer_file]") {
  CHECK(refusal_with("/version", "2.0") == "version: \"2.0\" is not supported, only \"1.0\"");
  CHECK(refusal_with("/normalizer", {{"type", "NFC"}}) ==
        "normalizer: an object is not supported, only null");
  CHECK(refusal_with("/model/type", "Unigram") ==
        "model.type: \"Unigram\" is not supported, only \"BPE\"");
  CHECK(refusal_with("/model/dropout", 0.1) == "model.dropout: 0.1 is not supported, only null");
  CHECK(refusal_with("/model/unk_token", 1).starts_with("model.unk_token: "));
  CHECK(refusal_after([](json& file) {
          file["model"]["vocab"].erase("q");
          file["model"]["unk_token"] = "<unk>";
        }) == "model.unk_token: \"<unk>\" is not in model.vocab");
  CHECK(refusal_with("/model/fuse_unk", "x").starts_with("model.fuse_unk: "));
  CHECK(refusal_with("/model/byte_fallback", true).starts_with("model.byte_fallback: "));
  CHECK(refusal_with("/model/ignore_merges", 1).starts_with("model.ignore_merges: "));
  CHECK(refusal_with("/model/continuing_subword_prefix", "##")
            .starts_with("model.continuing_subword_prefix: "));
  CHECK(
      refusal_with("/model/end_of_word_suffix", "</w>").starts_with("model.end_of_word_suffix: "));
  CHECK(refusal_with("/model/new", 1) == "model: key \"new\" is not known");
  CHECK(refusal_with("/new\nkey", 1) == "key \"new\\nkey\" is not known");
  CHECK(refusal_with("/model", 1) == "model: expected an object, got 1");
}

TEST_CASE("other ways to cut a text are refused by name", "[text][tokenizer_file]") {
  const std::string at = "pre_tokenizer.pretokenizers[";
  const std::string pointer = "/pre_tokenizer/pretokenizers/";
  CHECK(refusal_with(pointer + "0/pattern", {{"Regex", "\\w+"}}) ==
        at + "0].pattern.Regex: \"\\\\w+\" is not one of the known patterns");
  CHECK(refusal_with(pointer + "0/pattern", {{"String", " "}}) ==
        at + "0].pattern.Regex: is missing");
  CHECK(refusal_with(pointer + "0/behavior", "Removed").starts_with(at + "0].behavior: "));
  CHECK(refusal_with(pointer + "0/invert", true).starts_with(at + "0].invert: "));
  CHECK(
      refusal_with(pointer + "1/add_prefix_space", true).starts_with(at + "1].add_prefix_space: "));
  CHECK(refusal_with(pointer + "1/use_regex", true).starts_with(at + "1].use_regex: "));
  CHECK(refusal_with(pointer + "1/type", "Metaspace").starts_with(at + "1].type: "));
  CHECK(refusal_with(pointer + "2", json::object()) ==
        "pre_tokenizer.pretokenizers: expected Split or Digits, and ByteLevel");
  CHECK(refusal_with(pointer + "0", {{"type", "Digits"}, {"individual_digits", false}})
            .starts_with(at + "0].individual_digits: "));
  CHECK(refusal_with(pointer + "0", {{"type", "Digits"}, {"individual_digits", true}})
            .starts_with(at + "1].use_regex: false is not supported"));
  CHECK(refusal_with("/pre_tokenizer",
                     {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}})
            .starts_with("pre_tokenizer.use_regex: false is not supported"));
  CHECK(refusal_with("/pre_tokenizer", nullptr) == "pre_tokenizer: expected an object, got null");
}

TEST_CASE("added tokens that are not plain are refused", "[text][tokenizer_file]") {
  const auto with = [](const char* key, const json& value) {
    return refusal_with("/added_tokens/1/" + std::string(key), value);
  };
  for (const char* key : {"single_word", "lstrip", "rstrip", "normalized"}) {
    CHECK(with(key, true) ==
          "added_tokens[1]." + std::string(key) + ": true is not supported, only false");
  }
  CHECK(with("content", "") == "added_tokens[1].content: is empty");
  CHECK(with("content", "<|eot_id|>") == "added_tokens[3].content: \"<|eot_id|>\" stands twice");
  CHECK(with("content", 7) == "added_tokens[1].content: expected a string, got 7");
  CHECK(with("id", -1) == "added_tokens[1].id: expected an id from 0 to 2^31 - 1, got -1");
  CHECK(with("id", 1LL << 31).ends_with("got 2147483648"));
  CHECK(with("id", 300) ==
        "added_tokens: \"<|start_header_id|>\" has id 300, but 267 follows from the vocabulary");
  CHECK(with("id", 266).starts_with("added_tokens: "));
  CHECK(with("new", 1) == "added_tokens[1]: key \"new\" is not known");
  CHECK(refusal_with("/added_tokens", 1) == "added_tokens: expected a list, got 1");
  CHECK(refusal_with("/added_tokens/0", 1) == "added_tokens[0]: expected an object, got 1");
  CHECK(refusal_with("/model/vocab/xyz", 267)
            .starts_with("added_tokens: \"<|begin_of_text|>\" has id 266, but 267 follows"));
}

TEST_CASE("added tokens may be in the vocabulary in their own spelling", "[text][tokenizer_file]") {
  json file = small_tokenizer_json();
  file["model"]["vocab"]["<|eot_id|>"] = 269;
  file["model"]["vocab"]["a special"] = 270;
  json token = file["added_tokens"][0];
  token["content"] = "a special";
  token["id"] = 270;
  // Counted from the size of the vocabulary on, the other three would come after these two.
  file["added_tokens"] = {file["added_tokens"][3], token};
  file["post_processor"] = nullptr;
  const Tokenizer tokenizer = load_json(file);
  CHECK(tokenizer.encode_raw("x<|eot_id|>a special") == std::vector<std::int64_t>{'x', 269, 270});
}

TEST_CASE("templates that do more than begin a text are refused", "[text][tokenizer_file]") {
  const std::string at = "post_processor.processors[1]";
  const std::string pointer = "/post_processor/processors/1/";
  const json special = small_tokenizer_json()["post_processor"]["processors"][1]["single"][0];
  CHECK(refusal_with(pointer + "single/2", special) ==
        at + ".single[2]: tokens after the text are not supported");
  CHECK(refusal_with(pointer + "single", json::array({special})) ==
        at + ".single: the text itself is missing");
  CHECK(refusal_with(pointer + "single/1/Sequence/id", "B") ==
        at + ".single[1].Sequence.id: \"B\" is not supported, only \"A\"");
  CHECK(refusal_with(pointer + "special_tokens", json::object()) ==
        at + ".special_tokens.<|begin_of_text|>: is missing");
  CHECK(refusal_with(pointer + "special_tokens/<|begin_of_text|>/ids/0", 5000) ==
        "post_processor: id 5000 is not in the vocabulary");
  CHECK(
      refusal_with(pointer + "special_tokens/<|begin_of_text|>/ids/0", "x").ends_with("got \"x\""));
  CHECK(refusal_with(pointer + "type", "BertProcessing").starts_with(at + ".type: "));
  CHECK(refusal_with("/post_processor", {{"type", "RobertaProcessing"}})
            .starts_with("post_processor.type: "));
  CHECK(refusal_with("/post_processor", 1) == "post_processor: expected an object, got 1");
}

}  // namespace
}  // namespace llm2clip
