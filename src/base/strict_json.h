#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace llm2clip {

/// Parses JSON of our own formats. nlohmann alone takes the last of two equal keys, any depth, and
/// turns 2^32 into 0 where a uint32 is asked for.
/// Throws Error(bad_model, "<name>: ...") for a syntax error, a duplicate key, or more than 64
/// levels.
nlohmann::json parse_strict_json(std::string_view text, const std::string& name);

/// One JSON object whose keys must all be asked for.
///
///   JsonObject vision(json.at("vision"), "llm2clip.json", "vision");
///   std::string file = vision.string("file");
///   vision.refuse_other_keys();
///
/// Getters throw Error(bad_model) naming file, key, what was expected and what came.
class JsonObject {
 public:
  JsonObject(const nlohmann::json& json, std::string file, std::string path);

  bool has(const char* key) const;
  std::string string(const char* key);
  double number(const char* key);
  /// An integer from `least` to `most`.
  std::int64_t integer(const char* key, std::int64_t least, std::int64_t most);
  const nlohmann::json& array(const char* key, std::size_t size);
  JsonObject object(const char* key);
  /// A list of any length.
  std::vector<JsonObject> objects(const char* key);
  /// The object's own JSON, for walking over keys that are names.
  const nlohmann::json& json() const { return json_; }
  /// Marks `key` as known without reading it.
  void ignore(const char* key) { asked_.insert(key); }

  /// Throws for a key that nobody asked for.
  void refuse_other_keys() const;
  /// Throws "<file>: <path>.<key>: <what>".
  [[noreturn]] void refuse(const std::string& key, const std::string& what) const;

 private:
  const nlohmann::json& at(const char* key);

  const nlohmann::json& json_;
  std::string file_;
  std::string path_;
  std::set<std::string> asked_;
};

}  // namespace llm2clip
