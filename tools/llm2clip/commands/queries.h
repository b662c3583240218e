#pragma once

#include <string>
#include <vector>

#include "flags/args.h"
#include "llm2clip/embeddings.h"
#include "llm2clip/model.h"
#include "terminal/messages.h"

namespace llm2clip::cli {

/// A text or an image of a query, and how much it counts.
struct QueryTerm {
  bool image = false;
  std::string input;  ///< the text, or the path
  float weight = 1;
};

/// What is looked for: the sum of its terms.
struct Query {
  std::string words;  ///< for people: "a beach + 0.5 * at night - [crowd.jpg]"
  std::vector<QueryTerm> terms;
};

/// `words` are made of the terms.
Query query_of(std::vector<QueryTerm> terms);

/// A row of unit length for each query. Loads the text part where a term is a text, the vision part
/// where one is an image, and no other. Throws Error(unreadable_input) for an image that cannot be
/// read, and Error(invalid_argument) for a query whose terms cancel each other out.
Embeddings embed_queries(const std::vector<Query>& queries, const ModelFlags& model,
                         const ReadOptions& read, const ModelInfo& info, Messages& messages);

}  // namespace llm2clip::cli
