#include "store/run/run_provenance.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/checked_json.h"
#include "base/json_text.h"
#include "llm2clip/error.h"

namespace llm2clip {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::ordered_json;
using Provenance = std::vector<std::pair<std::string, std::string>>;

constexpr const char* kFormatKey = "run.format";
constexpr const char* kThisFormat = "3";  // 1 had no such entry, 2 called chunks parts
constexpr std::string_view kOurs = "run.";
constexpr std::string_view kComputing = "computing.";
constexpr std::uint64_t kMostDim = 1u << 24;
constexpr std::uint64_t kMostPartitionRows = std::uint64_t{1} << 40;

std::string shortened(const std::string& value) {
  constexpr std::size_t kLongest = 60;
  return value.size() <= kLongest ? value : value.substr(0, kLongest) + "...";
}

template <typename Entries>
auto find(Entries& provenance, const std::string& name) {
  return std::find_if(provenance.begin(), provenance.end(),
                      [&](const auto& entry) { return entry.first == name; });
}

[[noreturn]] void refuse_provenance(const fs::path& path, const std::string& why) {
  throw Error(ErrorKind::io, path.string() + ": " + why);
}

std::optional<std::uint64_t> number(const std::string& text) {
  std::uint64_t value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && rest == text.data() + text.size();
  return whole ? std::optional(value) : std::nullopt;
}

// The entry `name`, a whole number from 1 to `most`.
std::uint64_t number_in(const fs::path& path, const RunProvenance& provenance, const char* name,
                        std::uint64_t most) {
  const auto found = find(provenance, name);
  const auto value = found == provenance.end() ? std::nullopt : number(found->second);
  if (value && *value >= 1 && *value <= most) return *value;
  refuse_provenance(
      path, std::string(name) + " is " +
                (found == provenance.end() ? "missing" : "'" + shortened(found->second) + "'") +
                ", expected a whole number from 1 to " + std::to_string(most) +
                "; it is damaged, overwrite the run");
}

StoredPrecision precision_in(const fs::path& path, const RunProvenance& provenance) {
  const auto found = find(provenance, "run.precision");
  if (found != provenance.end() && found->second == "float32") return StoredPrecision::float32;
  if (found != provenance.end() && found->second == "float16") return StoredPrecision::float16;
  refuse_provenance(
      path, "run.precision is neither float32 nor float16; it is damaged, overwrite the run");
}

constexpr const char* kLayout = "run.layout";
constexpr const char* kPartitionRows = "run.partition_rows";
constexpr std::string_view kImages = "clip-retrieval-images";
constexpr std::string_view kTexts = "clip-retrieval-texts";

// Files have no such entry.
OutputLayout layout_in(const fs::path& path, const RunProvenance& provenance) {
  const auto found = find(provenance, kLayout);
  if (found == provenance.end()) return OutputLayout::file;
  if (found->second == kImages) return OutputLayout::clip_retrieval_images;
  if (found->second == kTexts) return OutputLayout::clip_retrieval_texts;
  refuse_provenance(path, std::string(kLayout) + " is '" + shortened(found->second) +
                              "', which this version of llm2clip does not know; overwrite the run");
}

void check_format(const fs::path& path, const RunProvenance& provenance) {
  const auto found = find(provenance, kFormatKey);
  if (found != provenance.end() && found->second == kThisFormat) return;
  refuse_provenance(path, "is of format " +
                              (found == provenance.end() ? "1" : shortened(found->second)) +
                              ", this version of llm2clip reads format " + kThisFormat +
                              "; finish it with the version that began it, or overwrite it");
}

}  // namespace

void check_provenance(const fs::path& output, const RunOptions& options) {
  const auto require = [&](bool condition, const std::string& why) {
    if (!condition) throw Error(ErrorKind::invalid_argument, output.string() + ": " + why);
  };
  require(options.shard >= 1 && options.shard <= options.shards,
          "shard " + std::to_string(options.shard) + " of " + std::to_string(options.shards) +
              " is none; the first is 1");
  require(options.dim >= 1 && options.dim <= kMostDim,
          "rows of " + std::to_string(options.dim) + " components cannot be written");
  require(options.partition_rows >= 1, "partitions of 0 rows cannot be written");
  std::set<std::string> names;
  for (const Provenance* provenance : {&options.provenance, &options.computing}) {
    for (const auto& [name, value] : *provenance) {
      require(!json_string(name).empty() && !json_string(value).empty(),
              "provenance must be UTF-8");
      require(
          !name.starts_with(kOurs) && !name.starts_with(kComputing) && names.insert(name).second,
          "the entry '" + name + "' is there twice, or has a name that is kept for runs");
    }
  }
}

RunProvenance provenance_of(const RunOptions& options) {
  RunProvenance provenance = {{kFormatKey, kThisFormat},
                              {"run.precision", to_string(options.precision)},
                              {"run.dim", std::to_string(options.dim)},
                              {"run.shard", std::to_string(options.shard)},
                              {"run.shards", std::to_string(options.shards)}};
  if (options.layout != OutputLayout::file) {
    const bool texts = options.layout == OutputLayout::clip_retrieval_texts;
    provenance.emplace_back(kLayout, texts ? kTexts : kImages);
    provenance.emplace_back(kPartitionRows, std::to_string(options.partition_rows));
  }
  provenance.insert(provenance.end(), options.provenance.begin(), options.provenance.end());
  for (const auto& [name, value] : options.computing) {
    provenance.emplace_back(std::string(kComputing) + name, value);
  }
  return provenance;
}

RunOptions options_of(const fs::path& path, const RunProvenance& provenance) {
  check_format(path, provenance);
  constexpr auto kMostShards = std::numeric_limits<unsigned>::max();
  RunOptions options;
  options.precision = precision_in(path, provenance);
  options.dim = number_in(path, provenance, "run.dim", kMostDim);
  options.shards = static_cast<unsigned>(number_in(path, provenance, "run.shards", kMostShards));
  options.shard = static_cast<unsigned>(number_in(path, provenance, "run.shard", options.shards));
  options.layout = layout_in(path, provenance);
  if (options.layout != OutputLayout::file) {
    options.partition_rows = number_in(path, provenance, kPartitionRows, kMostPartitionRows);
  }
  for (const auto& [name, value] : provenance) {
    if (name.starts_with(kComputing)) {
      options.computing.emplace_back(name.substr(kComputing.size()), value);
    } else if (!name.starts_with(kOurs)) {
      options.provenance.emplace_back(name, value);
    }
  }
  return options;
}

std::string provenance_json(const RunProvenance& provenance) {
  json object = json::object();
  for (const auto& [name, value] : provenance) object[name] = value;
  return escape_line_ends(object.dump(2, ' ', false, json::error_handler_t::replace));
}

RunProvenance parse_provenance(const fs::path& path, std::string_view text) {
  const auto object = parse_checked_json(text);
  RunProvenance provenance;
  bool sound = object && object->is_object();
  if (sound) {
    for (const auto& [name, value] : object->items()) {
      sound = sound && value.is_string();
      if (sound) provenance.emplace_back(name, value.template get<std::string>());
    }
  }
  if (!sound) refuse_provenance(path, "is damaged; overwrite the run");
  options_of(path, provenance);
  return provenance;
}

std::string differences(const RunProvenance& there, const RunProvenance& here) {
  std::string found;
  const auto differ = [&](const std::string& name, const std::string* old, const std::string* now) {
    found += (found.empty() ? "" : ", ") + name + " is " + (old ? shortened(*old) : "nothing") +
             " there and " + (now ? shortened(*now) : "nothing") + " here";
  };
  for (const auto& [name, value] : here) {
    if (name.starts_with(kComputing)) continue;
    const auto old = find(there, name);
    if (old == there.end() || old->second != value) {
      differ(name, old == there.end() ? nullptr : &old->second, &value);
    }
  }
  for (const auto& [name, value] : there) {
    if (!name.starts_with(kComputing) && find(here, name) == here.end())
      differ(name, &value, nullptr);
  }
  return found;
}

void check_same_run(const fs::path& path, const RunProvenance& there, const RunProvenance& here) {
  const std::string found = differences(there, here);
  if (found.empty()) return;
  refuse_provenance(path,
                    "belongs to another run: " + found + "; give it another name, or overwrite it");
}

bool add_computing(Provenance& to, const Provenance& from) {
  bool changed = false;
  for (const auto& [name, value] : from) {
    const auto known = find(to, name);
    // One that is put in other words has no other effect.
    if (known != to.end() && name.ends_with("_reason")) continue;
    if (known == to.end()) {
      to.emplace_back(name, value);
      changed = true;
    } else if ((", " + known->second + ", ").find(", " + value + ", ") == std::string::npos) {
      known->second += ", " + value;
      changed = true;
    }
  }
  return changed;
}

}  // namespace llm2clip
