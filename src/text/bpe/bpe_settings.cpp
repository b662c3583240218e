#include "text/bpe/bpe_settings.h"

#include <initializer_list>
#include <set>
#include <string_view>
#include <utility>

#include "llm2clip/error.h"
#include "text/token_model.h"
#include "text/tokenizer_json.h"

namespace llm2clip {
namespace {

using nlohmann::json;

std::string shown(const json& value) {
  if (value.is_string()) return in_quotes(value.get_ref<const std::string&>());
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list of " + std::to_string(value.size());
  return value.dump();
}

// An object of the file whose keys must all be asked for.
class Fields {
 public:
  Fields(const json& object, const std::string& file, std::string path)
      : object_(object), file_(file), path_(std::move(path)) {
    if (!object.is_object()) refuse("", "expected an object, got " + shown(object));
  }

  // null when there is no such key.
  const json& optional(const char* key) {
    static const json kNull;
    asked_.insert(key);
    const auto found = object_.find(key);
    return found == object_.end() ? kNull : *found;
  }

  const json& at(const char* key) {
    if (!object_.contains(key)) refuse(key, "is missing");
    return optional(key);
  }

  const std::string& string(const char* key) {
    const json& value = at(key);
    if (!value.is_string()) refuse(key, "expected a string, got " + shown(value));
    return value.get_ref<const std::string&>();
  }

  const json& array(const char* key) {
    const json& value = at(key);
    if (!value.is_array()) refuse(key, "expected a list, got " + shown(value));
    return value;
  }

  std::int64_t id(const char* key) { return id_in(at(key), key); }

  std::int64_t id_in(const json& value, const char* key) const {
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > kLargestTokenId) {
      refuse(key, "expected an id from 0 to 2^31 - 1, got " + shown(value));
    }
    return value.get<std::int64_t>();
  }

  // Refuses a value that is none of these; a missing key counts as null.
  void expect(const char* key, std::initializer_list<json> known) {
    const json& value = optional(key);
    for (const json& one : known) {
      if (value == one) return;
    }
    refuse(key, shown(value) + " is not supported, only " + shown(*known.begin()));
  }

  Fields object(const char* key) { return Fields(at(key), file_, path_of(key)); }
  Fields element(const char* key, std::size_t i) {
    return Fields(array(key)[i], file_, path_of(key) + "[" + std::to_string(i) + "]");
  }

  void ignore(std::initializer_list<const char*> keys) { asked_.insert(keys.begin(), keys.end()); }

  void refuse_other_keys() const {
    for (const auto& [key, value] : object_.items()) {
      if (!asked_.contains(key)) refuse("", "key " + in_quotes(key) + " is not known");
    }
  }

  [[noreturn]] void refuse(const std::string& key, const std::string& what) const {
    const std::string place = key.empty() ? path_ : path_of(key);
    throw Error(ErrorKind::bad_model, file_ + ": " + (place.empty() ? "" : place + ": ") + what);
  }

 private:
  std::string path_of(const std::string& key) const {
    return path_.empty() ? key : path_ + "." + key;
  }

  const json& object_;
  const std::string& file_;
  std::string path_;
  std::set<std::string, std::less<>> asked_;
};

void read_model(Fields model, BpeSettings& settings) {
  model.expect("type", {"BPE"});
  model.expect("dropout", {nullptr, 0.0});
  model.expect("continuing_subword_prefix", {nullptr, ""});
  model.expect("end_of_word_suffix", {nullptr, ""});
  model.expect("fuse_unk", {false, true, nullptr});
  model.expect("byte_fallback", {false, nullptr});
  model.expect("ignore_merges", {false, true, nullptr});
  if (!model.at("vocab").is_object()) model.refuse("vocab", "expected an object");
  model.array("merges");
  settings.ignore_merges = model.optional("ignore_merges") == json(true);
  settings.fuse_unk = model.optional("fuse_unk") == json(true);
  if (!model.optional("unk_token").is_null()) settings.unk_token = model.string("unk_token");
  model.refuse_other_keys();
}

SplitPattern read_split(Fields split) {
  split.expect("type", {"Split"});
  split.expect("behavior", {"Isolated"});
  split.expect("invert", {false});
  Fields pattern = split.object("pattern");
  const std::string& regex = pattern.string("Regex");
  pattern.refuse_other_keys();
  split.refuse_other_keys();
  const std::optional<SplitPattern> known = find_split_pattern(regex);
  if (!known) {
    pattern.refuse("Regex", in_quotes(regex) + " is not one of the known patterns");
  }
  return *known;
}

void read_digits(Fields digits) {
  digits.expect("type", {"Digits"});
  digits.expect("individual_digits", {true});
  digits.refuse_other_keys();
}

// A file without `use_regex` is of before there was the choice.
void read_byte_level(Fields bytes, bool use_regex) {
  bytes.expect("type", {"ByteLevel"});
  bytes.expect("add_prefix_space", {false});
  if (use_regex) {
    bytes.expect("use_regex", {true, nullptr});
  } else {
    bytes.expect("use_regex", {false});
  }
  bytes.ignore({"trim_offsets"});  // moves offsets, not ids
  bytes.refuse_other_keys();
}

SplitPattern read_pre_tokenizer(Fields first) {
  if (first.string("type") == "ByteLevel") {
    read_byte_level(std::move(first), true);
    return {.family = SplitPattern::Family::gpt2};
  }
  Fields& sequence = first;
  sequence.expect("type", {"Sequence"});
  if (sequence.array("pretokenizers").size() != 2) {
    sequence.refuse("pretokenizers", "expected Split or Digits, and ByteLevel");
  }
  const bool digits = sequence.element("pretokenizers", 0).string("type") == "Digits";
  SplitPattern pattern{.family = SplitPattern::Family::gpt2, .digits_apart = true};
  if (digits) {
    read_digits(sequence.element("pretokenizers", 0));
  } else {
    pattern = read_split(sequence.element("pretokenizers", 0));
  }
  read_byte_level(sequence.element("pretokenizers", 1), digits);
  sequence.refuse_other_keys();
  return pattern;
}

std::vector<BpeSettings::AddedToken> read_added_tokens(Fields& file) {
  std::vector<BpeSettings::AddedToken> tokens;
  if (file.optional("added_tokens").is_null()) return tokens;
  std::set<std::string> contents;
  for (std::size_t i = 0; i < file.array("added_tokens").size(); ++i) {
    Fields token = file.element("added_tokens", i);
    for (const char* key : {"single_word", "lstrip", "rstrip", "normalized"}) {
      token.expect(key, {false});
    }
    token.expect("special", {true, false, nullptr});
    const bool special = token.optional("special") != json(false);
    tokens.push_back({token.string("content"), token.id("id"), special});
    token.refuse_other_keys();
    const std::string& content = tokens.back().content;
    if (content.empty()) token.refuse("content", "is empty");
    if (!contents.insert(content).second) {
      token.refuse("content", in_quotes(content) + " stands twice");
    }
  }
  return tokens;
}

// The ids that "special_tokens" of a template gives for one of its names.
std::vector<std::int64_t> read_template_ids(Fields& processor, const std::string& name) {
  Fields tokens = processor.object("special_tokens");
  Fields token = tokens.object(name.c_str());
  std::vector<std::int64_t> ids;
  for (const json& id : token.array("ids")) ids.push_back(token.id_in(id, "ids"));
  return ids;
}

// TemplateProcessing for one text: names of special tokens, then the text, then nothing.
std::vector<std::int64_t> read_template(Fields& processor) {
  std::vector<std::int64_t> beginning;
  bool text_seen = false;
  for (std::size_t i = 0; i < processor.array("single").size(); ++i) {
    Fields part = processor.element("single", i);
    if (text_seen) part.refuse("", "tokens after the text are not supported");
    if (part.optional("Sequence").is_null()) {
      const std::string& name = part.object("SpecialToken").string("id");
      for (const std::int64_t id : read_template_ids(processor, name)) beginning.push_back(id);
    } else {
      part.object("Sequence").expect("id", {"A"});
      text_seen = true;
    }
    part.refuse_other_keys();
  }
  if (!text_seen) processor.refuse("single", "the text itself is missing");
  processor.ignore({"pair"});
  processor.refuse_other_keys();
  return beginning;
}

std::vector<std::int64_t> read_processor(Fields processor) {
  if (processor.string("type") == "TemplateProcessing") return read_template(processor);
  processor.expect("type", {"ByteLevel"});
  processor.ignore({"add_prefix_space", "trim_offsets", "use_regex"});  // moves offsets, not ids
  processor.refuse_other_keys();
  return {};
}

std::vector<std::int64_t> read_post_processor(Fields& file) {
  if (file.optional("post_processor").is_null()) return {};
  Fields processor = file.object("post_processor");
  if (processor.string("type") != "Sequence") return read_processor(std::move(processor));
  std::vector<std::int64_t> beginning;
  for (std::size_t i = 0; i < processor.array("processors").size(); ++i) {
    const auto ids = read_processor(processor.element("processors", i));
    if (!ids.empty() && !beginning.empty()) {
      processor.refuse("processors", "two templates that add tokens are not supported");
    }
    if (!ids.empty()) beginning = ids;
  }
  processor.refuse_other_keys();
  return beginning;
}

}  // namespace

BpeSettings read_bpe_settings(const json& rest, const std::string& name) {
  Fields file(rest, name, "");
  BpeSettings settings;
  file.expect("version", {"1.0", nullptr});
  file.expect("normalizer", {nullptr});
  // Callers of the reference set both anew with every text.
  file.ignore({"truncation", "padding"});
  file.ignore({"decoder"});  // turns ids into text
  read_model(file.object("model"), settings);
  settings.pattern = read_pre_tokenizer(file.object("pre_tokenizer"));
  settings.added_tokens = read_added_tokens(file);
  settings.beginning = read_post_processor(file);
  file.refuse_other_keys();
  return settings;
}

}  // namespace llm2clip
