#include <nlohmann/json.hpp>
#include <utility>

#include "llm2clip/similarity.h"
#include "serve/api/requests.h"
#include "serve/routes/routes.h"
#include "serve/work/embedding.h"
#include "terminal/json_output.h"

namespace llm2clip::serve {
namespace {

// The texts of labels go through the queue as all others do.
boost::asio::awaitable<Classifier> classifier_of(Service& service, Request& request,
                                                 const ClassifyRequest& asked) {
  if (asked.label_bank) co_return find_label_bank(service, *asked.label_bank);
  std::vector<ApiInput> texts;
  for (std::string& text : Classifier::texts(asked.labels, asked.templates)) {
    texts.push_back({std::move(text), "labels"});
  }
  const Embeddings rows = co_await embed(service, request, std::move(texts));
  co_return Classifier::from_rows(service.info, asked.labels, asked.templates, rows);
}

std::string scores_json(const Service& service, const Embeddings& images,
                        const Classifier& classifier, std::size_t count) {
  const Embeddings all = cosines(images, classifier.embeddings());
  nlohmann::ordered_json data = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < all.rows(); ++i) {
    nlohmann::ordered_json scores = nlohmann::ordered_json::array();
    for (const Match& match : top_k(softmax(all[i], service.info.score_scale), count)) {
      scores.push_back({{"label", classifier.labels()[match.index]}, {"score", match.score}});
    }
    data.push_back({{"index", i}, {"scores", std::move(scores)}});
  }
  return cli::json_text(nlohmann::ordered_json{{"object", "list"}, {"data", std::move(data)}});
}

}  // namespace

boost::asio::awaitable<Response> classify(Service& service, Request& request) {
  ClassifyRequest asked = read_classify(request.body, service.facts());
  const Classifier classifier = co_await classifier_of(service, request, asked);
  const Embeddings rows = co_await embed(service, request, std::move(asked.images));
  co_return Response{.body = scores_json(service, rows, classifier, asked.top_k)};
}

}  // namespace llm2clip::serve
