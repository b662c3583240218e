#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "llm2clip/error.h"
#include "llm2clip/index.h"

namespace llm2clip {
namespace {

using Entries = std::vector<std::pair<std::string, std::string>>;

// What a model's rows mean, under the names that provenance has.
Entries entries_of(const ModelInfo& info) {
  Entries entries;
  if (info.vision) {
    entries.emplace_back("vision_sha256", info.vision->sha256);
    entries.emplace_back("image_size", std::to_string(info.preprocess.image_size));
    entries.emplace_back("order", to_string(info.preprocess.order));
    entries.emplace_back("resize_passes", to_string(info.preprocess.resize_passes));
  }
  if (info.text) entries.emplace_back("text_sha256", info.text->sha256);
  if (info.adapter) entries.emplace_back("adapter_sha256", info.adapter->sha256);
  return entries;
}

const std::string* value_of(const Entries& entries, const std::string& name) {
  const auto found = std::find_if(entries.begin(), entries.end(),
                                  [&](const auto& entry) { return entry.first == name; });
  return found == entries.end() ? nullptr : &found->second;
}

std::string difference(const std::string& name, const std::string& there, const std::string& here) {
  constexpr std::size_t kShown = 12;  // digits of a hash
  return name + " is " + there.substr(0, kShown) + " there and " + here.substr(0, kShown) + " here";
}

// Both know it, and it is another.
std::string differences_of(const Entries& index, const ModelInfo& info) {
  std::string found;
  for (const auto& [name, here] : entries_of(info)) {
    const std::string* there = value_of(index, name);
    if (there && *there != here) {
      found += (found.empty() ? "" : ", ") + difference(name, *there, here);
    }
  }
  // Rows of one tower alone say nothing of the other.
  const std::string* manifest = value_of(index, "manifest_sha256");
  const bool knows_both = value_of(index, "vision_sha256") && value_of(index, "text_sha256");
  if (found.empty() && manifest && !knows_both && *manifest != info.manifest_sha256) {
    found = difference("manifest_sha256", *manifest, info.manifest_sha256);
  }
  return found;
}

}  // namespace

void Index::check_fits(const ModelInfo& info) const {
  if (dim() != info.dim) {
    throw Error(ErrorKind::invalid_argument, "index: rows have " + std::to_string(dim()) +
                                                 " components, model " + info.name + " has " +
                                                 std::to_string(info.dim));
  }
  const std::string* manifest = value_of(provenance(), "manifest_sha256");
  if (manifest && *manifest == info.manifest_sha256) return;
  const std::string found = differences_of(provenance(), info);
  if (found.empty()) return;
  const std::string* model = value_of(provenance(), "model");
  throw Error(ErrorKind::invalid_argument,
              "index: its rows are of " + (model ? "model " + *model : "another model") + ": " +
                  found + "; search it with that model, or index again");
}

}  // namespace llm2clip
