#include "serve/api/requests.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "serve/api/api_error.h"
#include "serve/api/json_body.h"

namespace llm2clip::serve {
namespace {

using nlohmann::json;

constexpr std::size_t kTopK = 10;
constexpr std::size_t kMostHits = 1000;
constexpr std::uint64_t kMostDimensions = 1u << 30;

// No model named is the one that is here.
json parse_for(const std::string& text, const ModelFacts& model) {
  json body = parse_body(text);
  const auto named = optional_string(body, "model");
  if (named && *named != model.name) throw no_model(model.name);
  return body;
}

json& required(json& body, const char* member, const char* what) {
  json* value = find_member(body, member);
  if (value == nullptr) {
    throw bad_request(member, std::string(member) + ": " + what + " is expected");
  }
  return *value;
}

// ---- OpenAI's embeddings

bool wants_base64(const json& body) {
  const std::string format = optional_string(body, "encoding_format").value_or("float");
  if (format == "float" || format == "base64") return format == "base64";
  throw bad_request("encoding_format", "encoding_format: \"float\" or \"base64\" is expected");
}

void check_dimensions(const json& body, const ModelFacts& model) {
  const auto dimensions = optional_count(body, "dimensions", kMostDimensions);
  if (!dimensions || *dimensions == model.dim) return;
  throw bad_request("dimensions", "dimensions: rows of this model have " +
                                      std::to_string(model.dim) +
                                      " components, and cannot be shortened");
}

// ---- Classification

std::vector<std::string> templates_of(const json& body) {
  auto templates = optional_strings(body, "templates").value_or(std::vector<std::string>());
  for (const std::string& one : templates) {
    if (one.find("{}") == one.npos) {
      throw bad_request("templates", "templates: {} is expected in each, where the label goes");
    }
  }
  return templates;
}

void check_labels(const ClassifyRequest& request) {
  if (request.labels.empty()) throw bad_request("labels", "labels: at least one is expected");
  if (request.labels.size() * std::max<std::size_t>(request.templates.size(), 1) <= kMostTexts) {
    return;
  }
  throw too_large("labels", "labels: with their templates, more than " +
                                std::to_string(kMostTexts) + " texts; use a label bank");
}

// ---- Search

SearchOptions search_options(const json& body) {
  SearchOptions options;
  options.top_k = optional_count(body, "top_k", kMostHits).value_or(kTopK);
  options.filter = optional_string(body, "filter").value_or("");
  if (const auto least = optional_number(body, "min_score")) {
    options.min_score = static_cast<float>(std::clamp(*least, -2.0, 2.0));
  }
  return options;
}

// "text", or "image" as a data URI.
std::vector<ApiInput> query_of(json& body) {
  json* text = find_member(body, "text");
  json* image = find_member(body, "image");
  if ((text == nullptr) == (image == nullptr)) {
    throw bad_request("text", "text: expected, or image in its place");
  }
  const char* name = text != nullptr ? "text" : "image";
  json& value = text != nullptr ? *text : *image;
  if (value.is_array()) {
    throw bad_request(name, std::string(name) + ": one is expected, not a list");
  }
  return text != nullptr ? texts_of(value, name) : images_of(value, name);
}

// The row that a client of clip-retrieval has already.
Embeddings row_of(const json& row, const ModelFacts& model) {
  std::vector<float> values;
  if (row.is_array()) {
    for (const json& value : row) {
      if (value.is_number()) values.push_back(value.get<float>());
    }
  }
  if (values.size() != model.dim || row.size() != values.size()) {
    throw bad_request("embedding_input", "embedding_input: a list of " + std::to_string(model.dim) +
                                             " numbers is expected");
  }
  return Embeddings(1, model.dim, std::move(values));
}

// clip-retrieval sends the file in base64, without the beginning of a data URI.
ApiInput knn_query_of(const json& body) {
  const auto text = optional_string(body, "text");
  const auto image = optional_string(body, "image");
  const auto url = optional_string(body, "image_url");
  if ((text ? 1 : 0) + (image ? 1 : 0) + (url ? 1 : 0) != 1) {
    throw bad_request("text",
                      "text: expected, or image, image_url or embedding_input in its place");
  }
  if (image) return image_of("data:;base64," + *image, "image");
  if (url) return image_of(*url, "image_url");
  json copy = *text;
  return std::move(texts_of(copy, "text").front());
}

// ---- Cohere's embeddings

void read_types(const json& body, CohereRequest& request) {
  const auto names = optional_strings(body, "embedding_types");
  if (!names || names->empty()) request.numbers = true;
  for (const std::string& name : names.value_or(std::vector<std::string>())) {
    if (name != "float" && name != "base64") {
      throw bad_request("embedding_types",
                        "embedding_types: \"float\" and \"base64\" are what there is");
    }
    (name == "float" ? request.numbers : request.base64) = true;
  }
}

std::vector<ApiInput> cohere_inputs(json& body) {
  json* texts = find_member(body, "texts");
  json* images = find_member(body, "images");
  json* mixed = find_member(body, "inputs");
  const int given =
      (texts != nullptr ? 1 : 0) + (images != nullptr ? 1 : 0) + (mixed != nullptr ? 1 : 0);
  if (given != 1) throw bad_request("texts", "texts: expected, or images or inputs in their place");
  if (texts != nullptr) return texts_of(*texts, "texts");
  if (images != nullptr) return images_of(*images, "images");
  return contents_of(*mixed, "inputs");
}

}  // namespace

EmbeddingsRequest read_embeddings(const std::string& body, const ModelFacts& model) {
  json object = parse_for(body, model);
  check_dimensions(object, model);
  const bool base64 = wants_base64(object);
  return {.inputs = inputs_of(object), .base64 = base64};
}

ClassifyRequest read_classify(const std::string& body, const ModelFacts& model) {
  json object = parse_for(body, model);
  ClassifyRequest request;
  request.top_k = optional_count(object, "top_k", kMostTexts).value_or(kMostTexts);
  request.label_bank = optional_string(object, "label_bank");
  const auto labels = optional_strings(object, "labels");
  if (labels.has_value() == request.label_bank.has_value()) {
    throw bad_request("labels", "labels: expected, or label_bank in their place");
  }
  request.templates = templates_of(object);
  if (labels) {
    request.labels = *labels;
    check_labels(request);
  }
  request.images = images_of(required(object, "input", "an image, as a data URI,"), "input");
  return request;
}

SearchRequest read_search(const std::string& body, const ModelFacts& model) {
  json object = parse_for(body, model);
  SearchRequest request;
  request.index = optional_string(object, "index");
  request.options = search_options(object);
  request.query = query_of(object);
  return request;
}

SearchRequest read_knn(const std::string& body, const ModelFacts& model) {
  json object = parse_body(body);
  SearchRequest request;
  request.index = optional_string(object, "indice_name");
  request.options.top_k = optional_count(object, "num_images", kMostHits).value_or(kTopK);
  if (const json* row = find_member(object, "embedding_input")) {
    request.row = row_of(*row, model);
  } else {
    request.query.push_back(knn_query_of(object));
  }
  return request;
}

TeiRequest read_tei(const std::string& body) {
  json object = parse_body(body);
  if (optional_string(object, "prompt_name")) {
    throw bad_request("prompt_name", "prompt_name: the model has one prompt, without a name");
  }
  const bool normalize = optional_bool(object, "normalize").value_or(true);
  const bool truncate = optional_bool(object, "truncate").value_or(false);
  return {.texts = texts_of(required(object, "inputs", "a text, or a list,"), "inputs"),
          .normalize = normalize,
          .truncate = truncate};
}

CohereRequest read_cohere(const std::string& body, const ModelFacts& model) {
  json object = parse_for(body, model);
  CohereRequest request;
  read_types(object, request);
  request.inputs = cohere_inputs(object);
  return request;
}

}  // namespace llm2clip::serve
