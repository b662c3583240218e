#include "text/tokenizer_json.h"

#include <utility>

#include "llm2clip/error.h"
#include "text/token_model.h"

namespace llm2clip {
namespace {

using nlohmann::json;

constexpr std::size_t kDeepest = 64;

class Reader final : public json::json_sax_t {
 public:
  Reader(const std::string& name, TokenizerJson& file) : name_(name), file_(file) {}

  bool null() override { return value(nullptr, "null"); }
  bool boolean(bool given) override { return value(given, "a boolean"); }
  bool number_integer(number_integer_t given) override { return value(given, "a negative number"); }
  bool number_float(number_float_t given, const string_t&) override {
    return value(given, "a fraction or a number above 2^63");
  }
  bool binary(binary_t&) override { return false; }  // not in JSON text

  bool number_unsigned(number_unsigned_t given) override {
    if (!in_vocabulary_) return value(given, "a number");
    if (given > kLargestTokenId) {
      refuse("model.vocab: " + in_quotes(key_) + " has id " + std::to_string(given) +
             ", an integer below 2^31 is expected");
    }
    file_.vocabulary.push_back({std::move(key_), static_cast<std::uint32_t>(given)});
    return true;
  }

  bool string(string_t& given) override {
    if (merge_depth_ == 0) return value(given, "a string");
    if (merge_depth_ == 1) {
      add_spaced_merge(given);
    } else {
      halves_.push_back(std::move(given));
    }
    return true;
  }

  bool start_object(std::size_t) override {
    check_plain("an object");
    if (is_model_key("vocab")) {
      put(json::object());
      in_vocabulary_ = true;
    } else {
      open(json::object());
    }
    return true;
  }

  bool end_object() override {
    if (in_vocabulary_) {
      in_vocabulary_ = false;
    } else {
      open_.pop_back();
    }
    return true;
  }

  bool key(string_t& given) override {
    if (!in_vocabulary_ && open_.back()->contains(given)) {
      refuse("key " + in_quotes(given) + " stands twice");
    }
    key_ = std::move(given);
    return true;
  }

  bool start_array(std::size_t) override {
    if (merge_depth_ == 1) {
      merge_depth_ = 2;
      halves_.clear();
      return true;
    }
    check_plain("a list");
    if (is_model_key("merges")) {
      put(json::array());
      merge_depth_ = 1;
    } else {
      open(json::array());
    }
    return true;
  }

  bool end_array() override {
    if (merge_depth_ == 0) {
      open_.pop_back();
      return true;
    }
    if (merge_depth_ == 2) add_halves();
    --merge_depth_;
    return true;
  }

  bool parse_error(std::size_t, const std::string&, const json::exception& error) override {
    const std::string what = error.what();
    // "[json.exception.parse_error.101] parse error at line 1, column 2: ..."
    refuse("is not JSON: " + what.substr(what.find(']') + 2));
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(ErrorKind::bad_model, name_ + ": " + what);
  }

  // Refuses what cannot stand in the vocabulary or among the merges.
  void check_plain(const char* kind) const {
    if (in_vocabulary_) {
      refuse("model.vocab: " + in_quotes(key_) + ": expected an id from 0 to 2^31 - 1, got " +
             kind);
    }
    if (merge_depth_ > 0) {
      refuse(merge_place() + R"(: expected "a b" or ["a", "b"], got )" + kind);
    }
  }

  bool is_model_key(const char* name) const {
    return open_.size() == 2 && key_ == name && open_.back() == model_;
  }

  bool value(json given, const char* kind) {
    check_plain(kind);
    put(std::move(given));
    return true;
  }

  json* put(json given) {
    if (open_.empty()) return &(file_.rest = std::move(given));
    json& parent = *open_.back();
    if (parent.is_object()) return &(parent[key_] = std::move(given));
    parent.push_back(std::move(given));
    return &parent.back();
  }

  void open(json container) {
    if (open_.size() == kDeepest) refuse("more than 64 levels of nesting");
    const bool is_model = open_.size() == 1 && key_ == "model";
    open_.push_back(put(std::move(container)));
    if (is_model) model_ = open_.back();
  }

  std::string merge_place() const {
    return "model.merges: entry " + std::to_string(file_.merges.size());
  }

  void add_spaced_merge(const std::string& merge) {
    const std::size_t space = merge.find(' ');
    if (space == std::string::npos || merge.find(' ', space + 1) != std::string::npos) {
      refuse(merge_place() + ": expected two tokens and a space between, got " + in_quotes(merge));
    }
    file_.merges.push_back({merge.substr(0, space), merge.substr(space + 1)});
  }

  void add_halves() {
    if (halves_.size() != 2) {
      refuse(merge_place() + ": expected two tokens, got " + std::to_string(halves_.size()));
    }
    file_.merges.push_back({std::move(halves_[0]), std::move(halves_[1])});
  }

  const std::string& name_;
  TokenizerJson& file_;
  std::vector<json*> open_;  // containers of `rest` that are being read, outermost first
  const json* model_ = nullptr;
  std::string key_;
  bool in_vocabulary_ = false;
  int merge_depth_ = 0;  // 1 in model.merges, 2 in one of its pairs
  std::vector<std::string> halves_;
};

}  // namespace

TokenizerJson parse_tokenizer_json(std::string_view text, const std::string& name) {
  TokenizerJson file;
  Reader reader(name, file);
  json::sax_parse(text, &reader);
  return file;
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t kLongest = 60;
  const std::string cut(text.substr(0, kLongest));
  // Escapes controls; a character cut in half becomes U+FFFD.
  return json(cut).dump(-1, ' ', false, json::error_handler_t::replace) +
         (cut.size() < text.size() ? "..." : "");
}

}  // namespace llm2clip
