#include "inputs/json_line.h"

#include <charconv>
#include <nlohmann/json.hpp>
#include <system_error>

#include "llm2clip/error.h"

namespace llm2clip::cli {
namespace {

using nlohmann::json;

// The tokens of a line that are no strings and no punctuation, one after the other: numbers, true,
// false, null, and what Python writes though JSON has no such numbers.
class BareTokens {
 public:
  explicit BareTokens(std::string_view line) : line_(line) {}

  // Empty after the last one.
  std::string_view next() {
    constexpr std::string_view kBetween = "{}[]:, \t\r\n";
    while (at_ < line_.size()) {
      if (line_[at_] == '"') {
        skip_string();
      } else if (kBetween.find(line_[at_]) != kBetween.npos) {
        ++at_;
      } else {
        const std::size_t start = at_;
        while (at_ < line_.size() && line_[at_] != '"' &&
               kBetween.find(line_[at_]) == kBetween.npos)
          ++at_;
        return line_.substr(start, at_ - start);
      }
    }
    return {};
  }

 private:
  void skip_string() {
    for (++at_; at_ < line_.size() && line_[at_] != '"'; ++at_) at_ += line_[at_] == '\\' ? 1u : 0u;
    ++at_;
  }

  std::string_view line_;
  std::size_t at_ = 0;
};

bool is_not_finite(std::string_view token) {
  return token == "NaN" || token == "Infinity" || token == "-Infinity";
}

// Whether it is a number that the parser may refuse for its size.
bool is_out_of_range(std::string_view token) {
  constexpr std::size_t kAlwaysFits = 4;  // 1e99
  if (token.size() <= kAlwaysFits || token.find_first_not_of("0123456789+-.eE") != token.npos)
    return false;
  double value = 0;
  const auto result = std::from_chars(token.data(), token.data() + token.size(), value);
  return result.ec == std::errc::result_out_of_range;
}

// A number of the same grammar, good or bad, that fits: two digits of each run of them.
std::string shortened(std::string_view number) {
  std::string text;
  std::size_t digits = 0;
  for (const char c : number) {
    digits = c >= '0' && c <= '9' ? digits + 1 : 0;
    if (digits <= 2) text += c;
  }
  return text;
}

// The line with numbers that the parser takes, in the same places; empty when all are of that kind.
std::string with_plain_numbers(std::string_view line) {
  std::string plain;
  BareTokens tokens(line);
  for (std::string_view token = tokens.next(); !token.empty(); token = tokens.next()) {
    std::string number;
    if (is_not_finite(token)) {
      number = "0";
    } else if (is_out_of_range(token)) {
      number = shortened(token);
    } else {
      continue;
    }
    if (plain.empty()) plain = line;
    const auto at = static_cast<std::size_t>(token.data() - line.data());
    plain.replace(at, token.size(), token.size(), ' ').replace(at, number.size(), number);
  }
  return plain;
}

// "[json.exception.parse_error.101] parse error at line 1, column 5: <reason>; last read: '...'"
std::string reason_of(const json::exception& error) {
  const std::string_view words = error.what();
  const std::string_view before_input = words.substr(0, words.find("; last read"));
  const std::size_t reason = before_input.find(" - ");
  return std::string(reason == words.npos ? before_input : before_input.substr(reason + 3));
}

// Looks at values as they pass. Nothing is kept of other fields, and no depth costs memory or
// stack.
class LineReader final : public nlohmann::json_sax<json> {
 public:
  /// `line` is what stands in the file; the parser may have seen other numbers.
  LineReader(std::string_view line, const std::string& field, const std::string& id_field)
      : tokens_(line), field_(field), id_field_(id_field) {}

  bool null() override { return bare(); }
  bool boolean(bool) override { return bare(); }
  bool number_integer(number_integer_t) override { return bare(); }
  bool number_unsigned(number_unsigned_t) override { return bare(); }
  bool number_float(number_float_t, const string_t&) override { return bare(); }
  bool string(string_t& value) override {
    if (levels_ == 0) return false;  // no object
    if (levels_ > 1) return true;
    if (is_id_) id_ = value;
    if (is_text_) text_ = std::move(value);
    return true;
  }
  bool binary(binary_t&) override { return false; }  // JSON has none

  bool start_object(std::size_t) override { return enter(true); }
  bool end_object() override { return leave(); }
  bool start_array(std::size_t) override { return enter(false); }
  bool end_array() override { return leave(); }
  bool key(string_t& key) override {
    if (levels_ != 1) return true;
    is_text_ = key == field_;
    is_id_ = key == id_field_;
    if ((is_text_ && has_text_) || (is_id_ && has_id_)) {
      return refuse("has \"" + key + "\" twice");
    }
    has_text_ = has_text_ || is_text_;
    has_id_ = has_id_ || is_id_;
    return true;
  }

  bool parse_error(std::size_t place, const std::string&, const json::exception& error) override {
    const std::string reason = reason_of(error);
    if (levels_ == 0 && !ended_) return false;  // nothing that looks like an object
    if (reason.find("surrogate") != reason.npos) {
      return refuse("has a lone surrogate before byte " + std::to_string(place) +
                    ": half of a character that is written as two escapes");
    }
    return refuse("is not a JSON object: byte " + std::to_string(place) + ": " + reason);
  }

  // What is wrong with the line, if something is.
  const std::string& problem() const { return problem_; }
  const std::optional<std::string>& text() const { return text_; }
  const std::optional<std::string>& id() const { return id_; }

 private:
  bool refuse(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }

  // Ids keep the digits that they are written in: a number would lose some.
  bool bare() {
    const std::string_view written = tokens_.next();
    if (levels_ == 0) return false;  // no object
    if (levels_ > 1) return true;
    if (is_id_) id_ = written;
    return true;
  }

  bool enter(bool object) {
    if (levels_ == 0 && !object) return false;
    if (levels_ == 1 && is_id_) {
      return refuse("has a list or an object under \"" + id_field_ +
                    "\", a string or a number is expected; see --id-field");
    }
    if (levels_ == kMostLevels) {
      return refuse("has more than " + std::to_string(kMostLevels) + " levels");
    }
    ++levels_;
    return true;
  }

  bool leave() {
    ended_ = --levels_ == 0;
    return true;
  }

  BareTokens tokens_;
  const std::string& field_;
  const std::string& id_field_;
  int levels_ = 0;
  bool ended_ = false;                    // the object has
  bool is_text_ = false, is_id_ = false;  // the key whose value is next
  bool has_text_ = false, has_id_ = false;
  std::optional<std::string> text_, id_;
  std::string problem_ = "a JSON object is expected";
};

}  // namespace

JsonLine parse_json_line(std::string_view line, const std::string& field,
                         const std::string& id_field, const std::string& place) {
  const auto refuse = [&place](const std::string& problem) {
    return Error(ErrorKind::unreadable_input, place + ": " + problem);
  };
  LineReader reader(line, field, id_field);
  // nlohmann takes a NUL for the end.
  if (const std::size_t nul = line.find('\0'); nul != line.npos) {
    throw refuse("has a NUL at byte " + std::to_string(nul + 1) + ", which JSON does not have");
  }
  const std::string plain = with_plain_numbers(line);
  if (!json::sax_parse(plain.empty() ? line : plain, &reader)) throw refuse(reader.problem());
  if (!reader.text()) throw refuse("has no string under \"" + field + "\"; see --field");
  return {.text = *reader.text(), .id = reader.id()};
}

}  // namespace llm2clip::cli
