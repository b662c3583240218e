#include "llm2clip/classifier.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/errors_only.h"
#include "base/strict_json.h"
#include "llm2clip/error.h"
#include "llm2clip/similarity.h"
#include "store/safetensors.h"

namespace llm2clip {
namespace {

constexpr const char* kBankFormat = "llm2clip label bank 1";
constexpr const char* kRowsName = "label_embeddings";

std::string fill_in(const std::string& label_template, const std::string& label) {
  constexpr std::string_view kPlace = "{}";
  std::string text = label_template;
  // A label may hold {} itself, and is passed over.
  for (std::size_t at = 0; (at = text.find(kPlace, at)) != text.npos; at += label.size()) {
    text.replace(at, kPlace.size(), label);
  }
  return text;
}

std::vector<std::string> strings_of(Texts texts) {
  std::vector<std::string> strings;
  for (std::size_t i = 0; i < texts.size(); ++i) strings.emplace_back(texts[i]);
  return strings;
}

std::vector<std::string> templates_or_default(Texts templates) {
  return templates.empty() ? std::vector<std::string>{"{}"} : strings_of(templates);
}

void check_rows(const EmbeddingsView& rows, std::size_t count, std::size_t dim) {
  if (count == 0) throw Error(ErrorKind::invalid_argument, "labels: expected at least one");
  if (rows.rows() == count && rows.dim() == dim) return;
  throw Error(ErrorKind::invalid_argument,
              "rows: " + std::to_string(count) + " of " + std::to_string(dim) +
                  " components are expected, one for each text, not " +
                  std::to_string(rows.rows()) + " of " + std::to_string(rows.dim()));
}

void check_templates(const std::vector<std::string>& templates) {
  for (const std::string& label_template : templates) {
    if (label_template.find("{}") != std::string::npos) continue;
    throw Error(ErrorKind::invalid_argument,
                "template \"" + label_template + "\": expected {} where the label goes");
  }
}

// One text per label and template, the templates of a label side by side.
std::vector<std::string> fill_in_all(const std::vector<std::string>& labels,
                                     const std::vector<std::string>& templates) {
  std::vector<std::string> texts;
  for (const std::string& label : labels) {
    for (const std::string& label_template : templates) {
      texts.push_back(fill_in(label_template, label));
    }
  }
  return texts;
}

// Mean of each run of `group` rows, normalized.
Embeddings mean_of_groups(const EmbeddingsView& rows, std::size_t group) {
  Embeddings means(rows.rows() / group, rows.dim());
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    const std::span<float> mean = means[row / group];
    for (std::size_t j = 0; j < rows.dim(); ++j) {
      mean[j] += rows[row][j] / static_cast<float>(group);
    }
  }
  normalize_rows(means);
  return means;
}

std::vector<std::string> string_list(const SafetensorsFile& file, const std::string& name,
                                     const char* key) {
  const auto found = file.metadata().find(key);
  const nlohmann::json list =
      parse_strict_json(found == file.metadata().end() ? "null" : found->second, name + ": " + key);
  const bool strings =
      list.is_array() && std::all_of(list.begin(), list.end(),
                                     [](const nlohmann::json& item) { return item.is_string(); });
  if (!strings) {
    throw Error(ErrorKind::bad_model,
                name + ": metadata \"" + key + "\": expected a list of strings");
  }
  return list.get<std::vector<std::string>>();
}

std::string part_sha256(const std::optional<PartInfo>& part) { return part ? part->sha256 : ""; }

std::string metadata_or_empty(const SafetensorsFile& file, const char* key) {
  const auto found = file.metadata().find(key);
  return found == file.metadata().end() ? "" : found->second;
}

Embeddings label_rows(const SafetensorsFile& file, const std::filesystem::path& path,
                      std::size_t labels) {
  const std::vector<std::size_t>& shape = file.at(kRowsName).shape;
  if (shape.size() != 2 || shape[0] != labels || labels == 0) {
    throw Error(ErrorKind::bad_model, path.string() + ": expected one row for each of its " +
                                          std::to_string(labels) + " labels");
  }
  if (shape[1] == 0) {
    throw Error(ErrorKind::bad_model, path.string() + ": its rows have no components");
  }
  return Embeddings(shape[0], shape[1], file.float32_values(kRowsName));
}

}  // namespace

Classifier Classifier::from_labels(const Model& model, Texts labels, Texts templates,
                                   const EncodeOptions& options) try {
  EncodeOptions unit_rows = options;
  unit_rows.normalize = true;
  return from_rows(model.info(), labels, templates,
                   model.encode_texts(texts(labels, templates), unit_rows));
} catch (const std::bad_alloc&) {
  throw_out_of_memory("labels");
} catch (const std::length_error&) {  // callbacks may throw anything else
  throw_out_of_memory("labels");
}

std::vector<std::string> Classifier::texts(Texts labels, Texts templates) {
  if (labels.empty()) throw Error(ErrorKind::invalid_argument, "labels: expected at least one");
  const std::vector<std::string> all = templates_or_default(templates);
  check_templates(all);
  return fill_in_all(strings_of(labels), all);
}

Classifier Classifier::from_rows(const ModelInfo& info, Texts labels, Texts templates,
                                 const EmbeddingsView& rows) {
  Classifier classifier;
  classifier.labels_ = strings_of(labels);
  classifier.templates_ = templates_or_default(templates);
  check_templates(classifier.templates_);
  check_rows(rows, classifier.labels_.size() * classifier.templates_.size(), info.dim);
  classifier.text_sha256_ = part_sha256(info.text);
  classifier.adapter_sha256_ = part_sha256(info.adapter);
  classifier.embeddings_ = mean_of_groups(rows, classifier.templates_.size());
  return classifier;
}

void Classifier::save(const std::filesystem::path& path) const try {
  if (labels_.empty()) {
    throw Error(ErrorKind::invalid_argument, "label bank: has no labels; make it with from_labels");
  }
  const SafetensorsTensor rows{.dtype = "F32",
                               .shape = {embeddings_.rows(), embeddings_.dim()},
                               .bytes = std::as_bytes(embeddings_.values())};
  write_safetensors(path, {{kRowsName, rows}},
                    {{"format", kBankFormat},
                     {"labels", nlohmann::json(labels_).dump()},
                     {"templates", nlohmann::json(templates_).dump()},
                     {"text_sha256", text_sha256_},
                     {"adapter_sha256", adapter_sha256_}});
} catch (...) {
  rethrow_as_error(path);
}

Classifier Classifier::load(const std::filesystem::path& path) try {
  const SafetensorsFile file = SafetensorsFile::open(path);
  if (metadata_or_empty(file, "format") != kBankFormat) {
    throw Error(ErrorKind::bad_model,
                path.string() + ": is not a label bank; write one with Classifier::save");
  }
  Classifier classifier;
  classifier.labels_ = string_list(file, path.string(), "labels");
  classifier.templates_ = string_list(file, path.string(), "templates");
  classifier.text_sha256_ = metadata_or_empty(file, "text_sha256");
  classifier.adapter_sha256_ = metadata_or_empty(file, "adapter_sha256");
  classifier.embeddings_ = label_rows(file, path, classifier.labels_.size());
  return classifier;
} catch (...) {
  rethrow_as_error(path);
}

void Classifier::check_fits(const ModelInfo& info) const {
  if (embeddings_.dim() != info.dim) {
    throw Error(ErrorKind::invalid_argument,
                "label bank: rows have " + std::to_string(embeddings_.dim()) +
                    " components, model " + info.name + " has " + std::to_string(info.dim));
  }
  // A directory without text part cannot be compared; its rows are of the right size at least.
  const bool other_text = info.text && info.text->sha256 != text_sha256_;
  const bool other_adapter = info.adapter && info.adapter->sha256 != adapter_sha256_;
  if (other_text || other_adapter) {
    const PartInfo& part = other_text ? *info.text : *info.adapter;
    throw Error(ErrorKind::invalid_argument, "label bank: was made with another " + part.file +
                                                 " than that of model " + info.name +
                                                 "; make it again");
  }
}

}  // namespace llm2clip
