#include "index/manifest.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/checked_json.h"
#include "base/json_text.h"
#include "base/names.h"
#include "llm2clip/error.h"

namespace llm2clip {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::ordered_json;

constexpr std::uint64_t kFormat = 1;
constexpr std::uint64_t kMostDim = 1u << 24;
constexpr std::uint64_t kMostRows = std::uint64_t{1} << 40;
constexpr std::uint64_t kMostExpansion = 1u << 16;
constexpr std::array<Named<IndexKind>, 2> kKinds = {
    {{IndexKind::exact, "exact"}, {IndexKind::hnsw, "hnsw"}}};
constexpr std::array<Named<IndexScan>, 2> kScans = {
    {{IndexScan::float16, "float16"}, {IndexScan::int8, "int8"}}};

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

  double number(const json& object, const char* name) const {
    const json& value = member(object, name);
    require(value.is_number(), std::string("has no ") + name);
    return value.get<double>();
  }

  IndexSegment segment(const json& object) const {
    IndexSegment segment{count(object, "rows", kMostRows), file(member(object, "values")),
                         file(member(object, "ids"))};
    segment.thumbnails = file_if_there(object, "thumbnails");
    if (object.contains("coarse")) {
      const json& coarse = object.at("coarse");
      segment.coarse = {file(coarse), number(coarse, "error")};
    }
    return segment;
  }

  IndexGraph graph(const json& object) const {
    return {file(object),
            {.rows = count(object, "rows", kMostRows),
             .expansion = count(object, "expansion", kMostExpansion),
             .recall = number(object, "recall_at_10"),
             .sampled = count(object, "sampled_rows", kMostRows)}};
  }

  // Of an older version: what it had no name for.
  template <typename Enum, std::size_t count>
  Enum named(const json& object, const char* name,
             const std::array<Named<Enum>, count>& names) const {
    const std::string value = text_in(object, name).value_or(names[0].name);
    for (const Named<Enum>& entry : names) {
      if (value == entry.name) return entry.value;
    }
    refuse_index(folder_, std::string(IndexManifest::kFile) + " has a " + name +
                              " that this version does not know");
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

json segment_json(const IndexSegment& segment) {
  json object = {{"rows", segment.rows},
                 {"values", file_json(segment.values)},
                 {"ids", file_json(segment.ids)}};
  if (segment.coarse) {
    object["coarse"] = file_json(segment.coarse->file);
    object["coarse"]["error"] = segment.coarse->error;
  }
  if (segment.thumbnails) object["thumbnails"] = file_json(*segment.thumbnails);
  return object;
}

json graph_json(const IndexGraph& graph) {
  json object = file_json(graph.file);
  object["rows"] = graph.info.rows;
  object["expansion"] = graph.info.expansion;
  object["recall_at_10"] = graph.info.recall;
  object["sampled_rows"] = graph.info.sampled;
  return object;
}

}  // namespace

const char* to_string(IndexScan scan) { return name_of(kScans, scan); }
template <>
IndexScan from_string(std::string_view name) {
  return value_of(kScans, "scan", name);
}

const char* to_string(IndexKind kind) { return name_of(kKinds, kind); }
template <>
IndexKind from_string(std::string_view name) {
  return value_of(kKinds, "kind", name);
}

std::vector<IndexFile> files_of(const IndexManifest& manifest) {
  std::vector<IndexFile> files;
  for (const IndexSegment& segment : manifest.segments) {
    files.push_back(segment.values);
    files.push_back(segment.ids);
    if (segment.coarse) files.push_back(segment.coarse->file);
    if (segment.thumbnails) files.push_back(*segment.thumbnails);
  }
  if (manifest.removed) files.push_back(*manifest.removed);
  if (manifest.graph) files.push_back(manifest.graph->file);
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
  manifest.scan = reader.named(*object, "scan", kScans);
  for (const IndexSegment& segment : manifest.segments) {
    reader.require(manifest.scan == IndexScan::float16 || segment.coarse,
                   "is to be scanned in int8 and has a segment without");
  }
  manifest.kind = reader.named(*object, "kind", kKinds);
  if (object->contains("graph")) manifest.graph = reader.graph(object->at("graph"));
  manifest.containers = reader.file_if_there(*object, "containers");
  if (object->contains("thumbnail_side")) {
    manifest.thumbnail_side = reader.count(*object, "thumbnail_side", kMostThumbnailSide);
  }
  return manifest;
}

std::string index_manifest_json(const IndexManifest& manifest) {
  json provenance = json::object();
  for (const auto& [name, value] : manifest.provenance) provenance[name] = value;
  json segments = json::array();
  for (const IndexSegment& segment : manifest.segments) segments.push_back(segment_json(segment));
  json object = {{"format", kFormat},
                 {"generation", manifest.generation},
                 {"dim", manifest.dim},
                 {"rows", manifest.rows},
                 {"precision", "float16"},
                 {"normalized", true},
                 {"scan", to_string(manifest.scan)},
                 {"kind", to_string(manifest.kind)},
                 {"provenance", provenance},
                 {"segments", segments}};
  if (manifest.removed) object["removed"] = file_json(*manifest.removed);
  if (manifest.graph) object["graph"] = graph_json(*manifest.graph);
  if (manifest.containers) object["containers"] = file_json(*manifest.containers);
  if (manifest.thumbnail_side > 0) object["thumbnail_side"] = manifest.thumbnail_side;
  return escape_line_ends(object.dump(2)) + "\n";
}

}  // namespace llm2clip
