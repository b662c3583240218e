#include "serve/api/body_parser.h"

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/src.hpp>  // what of it is no template, compiled here alone
#include <charconv>
#include <cstdint>
#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "serve/api/api_error.h"

namespace llm2clip::serve {
namespace {

using boost::json::error_code;
using boost::json::string_view;
using nlohmann::json;

constexpr std::size_t kMostLevels = 64;
// A value takes sixteen bytes, though `0,` are two: a small body must not become a large document.
constexpr std::size_t kMostValues = 1'000'000;

// What Boost's parser calls, in the order of the text. Strings may come in parts; the numbers of a
// text that is there as a whole do not.
class Document {
 public:
  static constexpr std::size_t max_object_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_array_size = max_object_size;
  static constexpr std::size_t max_key_size = max_object_size;
  static constexpr std::size_t max_string_size = max_object_size;

  json take() { return std::move(root_); }

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) { return open(json::object()); }
  bool on_object_end(std::size_t, error_code&) { return close(); }
  bool on_array_begin(error_code&) { return open(json::array()); }
  bool on_array_end(std::size_t, error_code&) { return close(); }
  bool on_key_part(string_view part, std::size_t, error_code&) { return add_part(part); }
  bool on_key(string_view part, std::size_t, error_code&) {
    add_part(part);
    key_ = std::exchange(text_, {});
    if (!open_.back().names.insert(key_).second) {
      throw bad_request(key_, "the body has a member twice");
    }
    return true;
  }
  bool on_string_part(string_view part, std::size_t, error_code&) { return add_part(part); }
  bool on_string(string_view part, std::size_t, error_code&) {
    add_part(part);
    return add(std::exchange(text_, {}));
  }
  bool on_number_part(string_view, error_code&) { return true; }
  bool on_int64(std::int64_t number, string_view, error_code&) {
    return number < 0 ? add(number) : add(static_cast<std::uint64_t>(number));
  }
  bool on_uint64(std::uint64_t number, string_view, error_code&) { return add(number); }
  // Boost's own reading of it may be off by the last bit.
  bool on_double(double, string_view digits, error_code&) {
    double number = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (read.ec != std::errc()) {
      throw bad_request("", "the body is not JSON: it has a number that is too large");
    }
    return add(number);
  }
  bool on_bool(bool value, error_code&) { return add(value); }
  bool on_null(error_code&) { return add(nullptr); }
  bool on_comment_part(string_view, error_code&) { return true; }
  bool on_comment(string_view, error_code&) { return true; }

 private:
  struct Open {
    json* value;
    std::set<std::string> names;  // of an object's members
  };

  bool add_part(string_view part) {
    text_.append(part.data(), part.size());
    return true;
  }

  bool add(json value) {
    put(std::move(value));
    return true;
  }

  json* put(json value) {
    if (++values_ > kMostValues) {
      throw bad_request("", "the body has more than " + std::to_string(kMostValues) + " values");
    }
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    json& parent = *open_.back().value;
    if (parent.is_object()) return &(parent[key_] = std::move(value));
    parent.push_back(std::move(value));
    return &parent.back();
  }

  bool open(json empty) {
    if (open_.size() >= kMostLevels) {
      throw bad_request("", "the body has more than " + std::to_string(kMostLevels) + " levels");
    }
    json* value = put(std::move(empty));
    open_.push_back({value, {}});
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  json root_;
  std::vector<Open> open_;
  std::string key_, text_;
  std::size_t values_ = 0;
};

}  // namespace

json read_json(std::string_view body) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (body.starts_with(kByteOrderMark)) body.remove_prefix(kByteOrderMark.size());
  boost::json::parse_options options;
  options.max_depth = kMostLevels + 1;  // ours, which says so, comes first
  boost::json::basic_parser<Document> parser(options);
  error_code error;
  const std::size_t read = parser.write_some(/*more=*/false, body.data(), body.size(), error);
  if (error || read < body.size()) {
    throw bad_request("", "the body is not JSON: an error before byte " +
                              std::to_string(std::min(read + 1, body.size())) + " of " +
                              std::to_string(body.size()));
  }
  return parser.handler().take();
}

}  // namespace llm2clip::serve
