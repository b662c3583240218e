#include "base/strict_json.h"

#include <cmath>
#include <utility>
#include <vector>

#include "llm2clip/error.h"

namespace llm2clip {
namespace {

constexpr int kDeepest = 64;

// Refuses duplicate keys and deep nesting while nlohmann parses.
class Watch {
 public:
  explicit Watch(const std::string& name) : name_(name) {}

  bool operator()(int depth, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
    using Event = nlohmann::json::parse_event_t;
    if (depth > kDeepest) fail("more than 64 levels of nesting");
    if (event == Event::object_start) keys_.emplace_back();
    if (event == Event::object_end) keys_.pop_back();
    if (event == Event::key && !keys_.back().insert(parsed.get<std::string>()).second) {
      fail("key \"" + parsed.get<std::string>() + "\" stands twice");
    }
    return true;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorKind::bad_model, name_ + ": " + what);
  }

  const std::string& name_;
  std::vector<std::set<std::string>> keys_;
};

}  // namespace

nlohmann::json parse_strict_json(std::string_view text, const std::string& name) {
  try {
    return nlohmann::json::parse(text, Watch(name));
  } catch (const nlohmann::json::exception& error) {
    const std::string what = error.what();
    // "[json.exception.parse_error.101] parse error at line 1, column 2: ..."
    throw Error(ErrorKind::bad_model, name + ": is not JSON: " + what.substr(what.find(']') + 2));
  }
}

JsonObject::JsonObject(const nlohmann::json& json, std::string file, std::string path)
    : json_(json), file_(std::move(file)), path_(std::move(path)) {
  if (!json_.is_object()) {
    throw Error(ErrorKind::bad_model, file_ + ": " + (path_.empty() ? "the whole" : path_) +
                                          ": expected an object, got " + json_.type_name());
  }
}

bool JsonObject::has(const char* key) const { return json_.contains(key); }

const nlohmann::json& JsonObject::at(const char* key) {
  asked_.insert(key);
  const auto found = json_.find(key);
  if (found == json_.end()) refuse(key, "is missing; export the model again");
  return *found;
}

std::string JsonObject::string(const char* key) {
  const nlohmann::json& value = at(key);
  if (!value.is_string()) refuse(key, std::string("expected a string, got ") + value.type_name());
  return value.get<std::string>();
}

double JsonObject::number(const char* key) {
  const nlohmann::json& value = at(key);
  if (!value.is_number() || !std::isfinite(value.get<double>())) {
    refuse(key, "expected a number, got " + value.dump());
  }
  return value.get<double>();
}

std::int64_t JsonObject::integer(const char* key, std::int64_t least, std::int64_t most) {
  const nlohmann::json& value = at(key);
  // A number above 2^63 is stored unsigned and would wrap.
  const bool fits = value.is_number_integer() &&
                    (!value.is_number_unsigned() ||
                     value.get<std::uint64_t>() <= static_cast<std::uint64_t>(most)) &&
                    value.get<std::int64_t>() >= least && value.get<std::int64_t>() <= most;
  if (!fits) {
    refuse(key, "expected an integer from " + std::to_string(least) + " to " +
                    std::to_string(most) + ", got " + value.dump().substr(0, 40));
  }
  return value.get<std::int64_t>();
}

const nlohmann::json& JsonObject::array(const char* key, std::size_t size) {
  const nlohmann::json& value = at(key);
  if (!value.is_array() || value.size() != size) {
    refuse(key, "expected " + std::to_string(size) + " values in a list");
  }
  return value;
}

JsonObject JsonObject::object(const char* key) {
  return JsonObject(at(key), file_, path_.empty() ? key : path_ + "." + key);
}

std::vector<JsonObject> JsonObject::objects(const char* key) {
  const nlohmann::json& list = at(key);
  if (!list.is_array()) refuse(key, "expected a list");
  const std::string name = path_.empty() ? key : path_ + "." + key;
  std::vector<JsonObject> found;
  for (const nlohmann::json& entry : list) {
    found.emplace_back(entry, file_, name + "[" + std::to_string(found.size()) + "]");
  }
  return found;
}

void JsonObject::refuse_other_keys() const {
  for (const auto& [key, value] : json_.items()) {
    if (!asked_.contains(key)) refuse(key, "is not a key of this format");
  }
}

void JsonObject::refuse(const std::string& key, const std::string& what) const {
  throw Error(ErrorKind::bad_model,
              file_ + ": " + (path_.empty() ? key : path_ + "." + key) + ": " + what);
}

}  // namespace llm2clip
