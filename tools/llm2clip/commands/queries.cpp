#include "commands/queries.h"

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "commands/model_loading.h"
#include "llm2clip/embed.h"
#include "llm2clip/similarity.h"

namespace llm2clip::cli {
namespace {

std::string number_text(float value) {
  return nlohmann::basic_json<std::map, std::vector, std::string, bool, std::int64_t, std::uint64_t,
                              float>(value)
      .dump();
}

std::string words_of(const QueryTerm& term, bool first) {
  const float size = std::abs(term.weight);
  const std::string sign = term.weight < 0 ? "- " : first ? "" : "+ ";
  const std::string factor = size == 1 ? "" : number_text(size) + " * ";
  return sign + factor + (term.image ? "[" + term.input + "]" : term.input);
}

// The terms of one kind of all queries: they are encoded at once.
std::vector<const QueryTerm*> terms_of(const std::vector<Query>& queries, bool image) {
  std::vector<const QueryTerm*> terms;
  for (const Query& query : queries) {
    for (const QueryTerm& term : query.terms) {
      if (term.image == image) terms.push_back(&term);
    }
  }
  return terms;
}

Embeddings embed_text_terms(const std::vector<const QueryTerm*>& terms, const ModelFlags& flags,
                            Messages& messages) {
  const Model model = load_part(flags, Part::text, terms.size(), messages);
  std::vector<std::string> texts;
  for (const QueryTerm* term : terms) texts.push_back(term->input);
  return model.encode_texts(texts);
}

Embeddings embed_image_terms(const std::vector<const QueryTerm*>& terms, const ModelFlags& flags,
                             const ReadOptions& read, Messages& messages) {
  const Model model = load_part(flags, Part::vision, terms.size(), messages);
  std::vector<std::filesystem::path> paths;
  for (const QueryTerm* term : terms) paths.emplace_back(term->input);
  Embeddings rows;
  embed_images(model, paths, rows, {.read = read, .stop_at_failure = true});
  return rows;
}

// Adds `rows`, those of terms_of(queries, image), to the queries' own.
void add_terms(const std::vector<Query>& queries, bool image, const Embeddings& rows,
               Embeddings& sums) {
  std::size_t row = 0;
  for (std::size_t i = 0; i < queries.size(); ++i) {
    for (const QueryTerm& term : queries[i].terms) {
      if (term.image != image) continue;
      for (std::size_t j = 0; j < rows.dim(); ++j) sums[i][j] += term.weight * rows[row][j];
      ++row;
    }
  }
}

// What is left of texts and images that say the same with opposite signs is noise.
void check_not_zero(const Query& query, std::span<const float> row) {
  constexpr double kLeast = 1e-3;
  double squares = 0;
  for (const float value : row) squares += static_cast<double>(value) * value;
  if (std::sqrt(squares) >= kLeast) return;
  throw Error(ErrorKind::invalid_argument,
              "query: the terms of \"" + query.words + "\" cancel each other out");
}

}  // namespace

Query query_of(std::vector<QueryTerm> terms) {
  Query query{"", std::move(terms)};
  for (const QueryTerm& term : query.terms) {
    if (!query.words.empty()) query.words += " ";
    query.words += words_of(term, query.words.empty());
  }
  return query;
}

Embeddings embed_queries(const std::vector<Query>& queries, const ModelFlags& model,
                         const ReadOptions& read, const ModelInfo& info, Messages& messages) {
  const std::vector<const QueryTerm*> texts = terms_of(queries, false);
  const std::vector<const QueryTerm*> images = terms_of(queries, true);
  if (!texts.empty()) require_part(model.directory, info, Part::text);
  if (!images.empty()) require_part(model.directory, info, Part::vision);
  Embeddings sums(queries.size(), info.dim);
  if (!texts.empty()) add_terms(queries, false, embed_text_terms(texts, model, messages), sums);
  if (!images.empty()) {
    add_terms(queries, true, embed_image_terms(images, model, read, messages), sums);
  }
  for (std::size_t i = 0; i < queries.size(); ++i) check_not_zero(queries[i], sums[i]);
  normalize_rows(sums);
  return sums;
}

}  // namespace llm2clip::cli
