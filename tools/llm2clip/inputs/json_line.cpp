#include "inputs/json_line.h"

#include <nlohmann/json.hpp>

#include "llm2clip/error.h"

namespace llm2clip::cli {
namespace {

using nlohmann::json;

constexpr int kMostLevels = 64;

// Looks at values as they pass. Nothing is kept of other fields, and no depth costs memory or
// stack.
class LineReader final : public nlohmann::json_sax<json> {
 public:
  LineReader(const std::string& field, const std::string& id_field)
      : field_(field), id_field_(id_field) {}

  bool null() override { return scalar(nullptr); }
  bool boolean(bool value) override { return scalar(value); }
  bool number_integer(number_integer_t value) override { return scalar(value); }
  bool number_unsigned(number_unsigned_t value) override { return scalar(value); }
  bool number_float(number_float_t value, const string_t&) override { return scalar(value); }
  bool string(string_t& value) override { return scalar(std::move(value)); }
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

  bool parse_error(std::size_t, const std::string&, const json::exception&) override {
    return false;
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

  bool scalar(json value) {
    if (levels_ == 0) return false;  // no object
    if (levels_ > 1) return true;
    if (is_id_) id_ = value.is_string() ? value.get<std::string>() : value.dump();
    if (is_text_ && value.is_string()) text_ = value.get<std::string>();
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
    --levels_;
    return true;
  }

  const std::string& field_;
  const std::string& id_field_;
  int levels_ = 0;
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
  LineReader reader(field, id_field);
  // nlohmann takes a NUL for the end.
  const bool has_nul = line.find('\0') != line.npos;
  if (has_nul || !json::sax_parse(line, &reader)) throw refuse(reader.problem());
  if (!reader.text()) throw refuse("has no string under \"" + field + "\"; see --field");
  return {.text = *reader.text(), .id = reader.id()};
}

}  // namespace llm2clip::cli
