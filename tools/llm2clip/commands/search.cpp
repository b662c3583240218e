#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "commands/commands.h"
#include "commands/hits.h"
#include "commands/queries.h"
#include "inputs/file_uses.h"
#include "inputs/sources.h"
#include "llm2clip/detail/command_line.h"
#include "llm2clip/index.h"
#include "pages/search_page.h"
#include "terminal/exit_code.h"
#include "terminal/json_output.h"
#include "terminal/output.h"
#include "terminal/terminal_text.h"

namespace llm2clip::cli {
namespace {

using WeightedInput = std::pair<std::string, std::string>;

// Queries whose rows and candidates are in memory at once; all of them pass over the index
// together.
constexpr std::size_t kQueriesAtOnce = 1024;

float weight_of(const std::string& flag, const std::string& text) {
  float weight = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), weight);
  if (error == std::errc() && rest == text.data() + text.size() && std::isfinite(weight)) {
    return weight;
  }
  throw Error(ErrorKind::invalid_argument,
              flag + ": a finite number is expected before the text or file, not " + text);
}

void add_terms(std::vector<QueryTerm>& terms, bool image, const std::vector<std::string>& inputs,
               float weight) {
  for (const std::string& input : inputs) terms.push_back({image, input, weight});
}

void add_weighted_terms(std::vector<QueryTerm>& terms, bool image, const std::string& flag,
                        const std::vector<WeightedInput>& inputs) {
  for (const auto& [weight, input] : inputs) {
    terms.push_back({image, input, weight_of(flag, weight)});
  }
}

Query query_in_flags(const SearchFlags& flags) {
  std::vector<QueryTerm> terms;
  add_terms(terms, false, flags.texts, 1);
  add_terms(terms, true, flags.images, 1);
  add_weighted_terms(terms, false, "--weighted", flags.weighted_texts);
  add_weighted_terms(terms, true, "--weighted-image", flags.weighted_images);
  add_terms(terms, false, flags.minus_texts, -1);
  add_terms(terms, true, flags.minus_images, -1);
  return query_of(std::move(terms));
}

std::vector<Query> queries_of(const SearchFlags& flags) {
  if (flags.queries_file.empty()) return {query_in_flags(flags)};
  std::vector<Query> queries;
  TextSource source = text_source({.files = {flags.queries_file}});
  while (const std::optional<TextInput> input = source.next()) {
    if (input->failure) throw Error(ErrorKind::unreadable_input, input->failure->message);
    queries.push_back(query_of({{false, input->text, 1}}));
  }
  return queries;
}

SearchOptions search_options(const SearchFlags& flags) {
  return {.top_k = flags.top_k,
          .min_score = flags.min_score,
          .filter = flags.hits.filter,
          .threads = static_cast<std::size_t>(flags.model.threads),
          .exact = flags.exact};
}

std::string query_json(const Query& query, const std::vector<IndexHit>& hits) {
  return "{\"query\":" + json_text(nlohmann::json(query.words)) +
         ",\"results\":" + hits_json(hits) + "}";
}

// Shows what was found for one query after the other.
class Shown {
 public:
  Shown(const SearchFlags& flags, const Index& index) : flags_(flags), index_(index) {}

  void add(const Query& query, const std::vector<IndexHit>& hits) {
    if (!flags_.html.empty()) add_to_page(query, hits);
    if (flags_.json_lines) {
      output_.write(query_json(query, hits) + "\n");
    } else if (flags_.hits.json) {
      output_.write((any_ ? ",\n " : "[") + query_json(query, hits));
    } else {
      write_table(query, hits);
    }
    any_ = true;
  }

  void finish() {
    if (flags_.hits.json) output_.write(any_ ? "]\n" : "[]\n");
    output_.flush();
    if (!flags_.html.empty()) write_search_page(flags_.html, page_, flags_.read);
    if (flags_.open) open_page(flags_.html);
  }

 private:
  // With many queries each stands above its results.
  void write_table(const Query& query, const std::vector<IndexHit>& hits) {
    const std::size_t width = widest_id(hits);
    if (!flags_.queries_file.empty()) {
      output_.write((any_ ? "\n" : "") + printable(query.words) + "\n");
    }
    output_.write(hit_titles(width) + hit_lines(hits, width));
  }

  void add_to_page(const Query& query, const std::vector<IndexHit>& hits) {
    PageQuery& shown = page_.emplace_back(PageQuery{query.words, {}});
    for (const IndexHit& hit : hits) {
      shown.results.push_back({hit.id, hit.score, index_.thumbnail(hit.row)});
    }
  }

  const SearchFlags& flags_;
  const Index& index_;
  Output output_;
  std::vector<PageQuery> page_;
  bool any_ = false;
};

// Nothing that is read may be written over.
void check_files(const SearchFlags& flags) {
  if (flags.html.empty()) return;
  FileUses uses;
  uses.writes("--html", flags.html);
  uses.writes_standard_output();
  uses.reads_folder("the model directory", flags.model.directory);
  uses.reads_folder("the index", flags.index);
  uses.reads("-f", flags.queries_file);
  for (const auto* images : {&flags.images, &flags.minus_images}) {
    for (const std::string& image : *images) uses.reads("the image", image);
  }
  for (const auto& [weight, image] : flags.weighted_images) uses.reads("the image", image);
  detail::check_output_path(flags.html);
}

}  // namespace

int run_search(const SearchFlags& flags, Messages& messages) {
  check_files(flags);
  const Index index = Index::open(flags.index);
  const ModelInfo info = read_model_info(flags.model.directory);
  index.check_fits(info);
  const std::vector<Query> queries = queries_of(flags);
  const Embeddings rows = embed_queries(queries, flags.model, flags.read, info, messages);
  Shown shown(flags, index);
  for (std::size_t first = 0; first < queries.size(); first += kQueriesAtOnce) {
    const std::size_t count = std::min(kQueriesAtOnce, queries.size() - first);
    const EmbeddingsView some(count, rows.dim(),
                              rows.values().subspan(first * rows.dim(), count * rows.dim()));
    const auto found = index.search(some, search_options(flags));
    for (std::size_t i = 0; i < count; ++i) shown.add(queries[first + i], found[i]);
  }
  shown.finish();
  return kDone;
}

}  // namespace llm2clip::cli
