#include "index/manifest.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/checked_json.h"
#include "base/json_text.h"
#include "llm2clip/error.h"

namespace llm2clip {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::ordered_json;

constexpr std::uint64_t kFormat = 1;
constexpr std::uint64_t kMostDim = 1u << 24;
constexpr std::uint64_t kMostSide = 65'535;
constexpr std::uint64_t kMostRows = std::uint64_t{1} << 40;

class ManifestReader {
 public:
  explicit ManifestReader(const fs::path& folder) : folder_(folder) {}

  void require(bool condition, const std::string& why) const {
    if (!condition) refuse_index(folder_, std::string(IndexManifest::kFile) + " " + why);
  }

  std::uint64_t count(const json& object, const char* name, std::uint64_t most) const {
    const std::optional<std::uint64_t> value = count_in(object, name);
    require(value && *value <= most, std::string("has no ") + name + " that it could have");
    return *value;
  }

  const json& member(const json& object, const char* name) const {
    require(object.is_object() && object.contains(name), std::string("has no ") + name);
    return object.at(name);
  }

  // Names are our own: none leads out of the folder.
  IndexFile file(const json& object) const {
    const std::string name = text_in(object, "file").value_or("");
    const std::string sha256 = text_in(object, "sha256").value_or("");
    require(!name.empty() && name.find('/') == name.npos && !name.starts_with("."),
            "names a file that it could not");
    require(is_sha256(sha256), "has no SHA-256 of " + name);
    return {name, count(object, "bytes", std::numeric_limits<std::int64_t>::max()), sha256};
  }

  std::optional<IndexFile> file_if_there(const json& object, const char* name) const {
    return object.contains(name) ? std::optional(file(object.at(name))) : std::nullopt;
  }

  IndexSegment segment(const json& object) const {
    return {count(object, "rows", kMostRows), file(member(object, "values")),
            file(member(object, "ids")), file_if_there(object, "thumbnails")};
  }

  RunProvenance provenance(const json& object) const {
    require(object.is_object(), "has no provenance");
    RunProvenance entries;
    for (const auto& [name, value] : object.items()) {
      require(value.is_string(), "has provenance that is no text");
      entries.emplace_back(name, value.get<std::string>());
    }
    return entries;
  }

 private:
  const fs::path& folder_;
};

json file_json(const IndexFile& file) {
  return {{"file", file.name}, {"bytes", file.bytes}, {"sha256", file.sha256}};
}

}  // namespace

std::vector<IndexFile> files_of(const IndexManifest& manifest) {
  std::vector<IndexFile> files;
  for (const IndexSegment& segment : manifest.segments) {
    files.push_back(segment.values);
    files.push_back(segment.ids);
    if (segment.thumbnails) files.push_back(*segment.thumbnails);
  }
  if (manifest.removed) files.push_back(*manifest.removed);
  if (manifest.containers) files.push_back(*manifest.containers);
  return files;
}

void refuse_index(const fs::path& folder, const std::string& why) {
  throw Error(ErrorKind::unreadable_input,
              folder.string() + ": " + why + "; remove the folder and index again");
}

IndexManifest parse_index_manifest(const fs::path& folder, std::string_view text) {
  const ManifestReader reader(folder);
  const std::optional<json> object = parse_checked_json(text);
  reader.require(object && object->is_object(), "is damaged");
  const std::optional<std::uint64_t> format = count_in(*object, "format");
  reader.require(format == kFormat, "is of another format than " + std::to_string(kFormat) +
                                        ", which this version reads");
  IndexManifest manifest;
  manifest.generation =
      reader.count(*object, "generation", std::numeric_limits<std::int64_t>::max());
  manifest.dim = reader.count(*object, "dim", kMostDim);
  reader.require(manifest.dim > 0, "has a dim of 0");
  manifest.rows = reader.count(*object, "rows", kMostRows);
  manifest.provenance = reader.provenance(reader.member(*object, "provenance"));
  const json& segments = reader.member(*object, "segments");
  reader.require(segments.is_array(), "has no list of segments");
  for (const json& segment : segments) manifest.segments.push_back(reader.segment(segment));
  manifest.removed = reader.file_if_there(*object, "removed");
  manifest.containers = reader.file_if_there(*object, "containers");
  if (object->contains("thumbnail_side")) {
    manifest.thumbnail_side = reader.count(*object, "thumbnail_side", kMostSide);
  }
  return manifest;
}

std::string index_manifest_json(const IndexManifest& manifest) {
  json provenance = json::object();
  for (const auto& [name, value] : manifest.provenance) provenance[name] = value;
  json segments = json::array();
  for (const IndexSegment& segment : manifest.segments) {
    json& entry = segments.emplace_back(json{{"rows", segment.rows},
                                             {"values", file_json(segment.values)},
                                             {"ids", file_json(segment.ids)}});
    if (segment.thumbnails) entry["thumbnails"] = file_json(*segment.thumbnails);
  }
  json object = {{"format", kFormat},        {"generation", manifest.generation},
                 {"dim", manifest.dim},      {"rows", manifest.rows},
                 {"precision", "float16"},   {"normalized", true},
                 {"provenance", provenance}, {"segments", segments}};
  if (manifest.removed) object["removed"] = file_json(*manifest.removed);
  if (manifest.containers) object["containers"] = file_json(*manifest.containers);
  if (manifest.thumbnail_side > 0) object["thumbnail_side"] = manifest.thumbnail_side;
  return escape_line_ends(object.dump(2)) + "\n";
}

}  // namespace llm2clip
