#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "llm2clip/embeddings.h"
#include "llm2clip/index.h"
#include "serve/api/input_forms.h"

namespace llm2clip::serve {

/// What a request is held to.
struct ModelFacts {
  std::string name;
  std::size_t dim = 0;
};

/// POST /v1/embeddings.
struct EmbeddingsRequest {
  std::vector<ApiInput> inputs;
  bool base64 = false;
};

/// POST /v1/classify. Labels or a label bank.
struct ClassifyRequest {
  std::vector<ApiInput> images;
  std::vector<std::string> labels;
  std::vector<std::string> templates;
  std::optional<std::string> label_bank;
  std::size_t top_k = 0;
};

/// POST /v1/search and /knn-service.
struct SearchRequest {
  std::optional<std::string> index;
  std::vector<ApiInput> query;    ///< one, or
  std::optional<Embeddings> row;  ///< that the client has
  SearchOptions options;
};

/// POST /embed of Text Embeddings Inference.
struct TeiRequest {
  std::vector<ApiInput> texts;
  bool normalize = true;
  bool truncate = false;
};

/// POST /v2/embed of Cohere.
struct CohereRequest {
  std::vector<ApiInput> inputs;
  bool numbers = false;
  bool base64 = false;
};

// Each reads a body. Throw ApiError: 400, 413, and 404 for another model than the one that is here.
EmbeddingsRequest read_embeddings(const std::string& body, const ModelFacts& model);
ClassifyRequest read_classify(const std::string& body, const ModelFacts& model);
SearchRequest read_search(const std::string& body, const ModelFacts& model);
SearchRequest read_knn(const std::string& body, const ModelFacts& model);
TeiRequest read_tei(const std::string& body);
CohereRequest read_cohere(const std::string& body, const ModelFacts& model);

}  // namespace llm2clip::serve
