#include "serve/work/embedding.h"

#include <algorithm>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <optional>
#include <utility>

#include "llm2clip/detail/command_line.h"
#include "llm2clip/similarity.h"
#include "serve/api/api_error.h"
#include "serve/http/limits.h"

namespace asio = boost::asio;

namespace llm2clip::serve {
namespace {

void check_parts(const Service& service, const ApiInput& input) {
  const bool there = input.is_image() ? service.embeds_images() : service.embeds_texts();
  if (there) return;
  throw bad_request(input.name, input.name + ": the model has no part for " +
                                    (input.is_image() ? "images" : "texts"));
}

// The files that a request names by their addresses, one after the other, in the time and the size
// that one request may have.
asio::awaitable<void> fetch_images(Service& service, Request& request,
                                   std::vector<ApiInput>& inputs) {
  FetchLimits limits{request.memory, std::chrono::steady_clock::now() + kFetchTime, kMostBodyBytes};
  for (ApiInput& input : inputs) {
    const auto* address = std::get_if<ImageUrl>(&input.content);
    if (address == nullptr) continue;
    if (!service.fetcher.is_allowed()) {
      throw bad_request(input.name, input.name +
                                        ": images of other servers are not fetched here; send the "
                                        "file as a data URI: data:image/jpeg;base64,...");
    }
    input.content = co_await asio::co_spawn(asio::make_strand(service.handlers.get_executor()),
                                            service.fetcher.fetch(address->url, input.name, limits),
                                            asio::use_awaitable);
  }
}

// What an input takes until its row is written: crop and row of an image, ids and row of a text.
void reserve_memory(const Service& service, Request& request, const std::vector<ApiInput>& inputs) {
  const auto side = static_cast<std::uint64_t>(service.info.preprocess.image_size);
  const auto longest = static_cast<std::uint64_t>(detail::longest_text(service.info.tokenizer));
  std::uint64_t bytes = 0;
  for (const ApiInput& input : inputs) {
    bytes += service.info.dim * sizeof(float);
    if (input.is_image()) {
      bytes += 3 * side * side;
    } else {
      bytes += std::min<std::uint64_t>(longest, std::get<std::string>(input.content).size() + 64) *
               sizeof(std::int64_t);
    }
  }
  if (!request.memory.grow(bytes)) throw overloaded();
}

// Empty for images.
std::vector<std::optional<Tokens>> tokenize(Service& service, Request& request,
                                            const std::vector<ApiInput>& inputs) {
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::optional<Tokens>> all(inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].is_image()) continue;
    try {
      all[i] = service.model->tokenizer().encode(std::get<std::string>(inputs[i].content));
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::unreadable_input) throw;
      throw bad_request(inputs[i].name, detail::at_place(inputs[i].name, error).what());
    }
    request.facts.tokens += all[i]->ids.size();
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  service.metrics.tokenization_seconds.observe(took.count());
  return all;
}

void queue(Service& service, const std::shared_ptr<WantedRows>& wanted,
           std::vector<ApiInput> inputs, std::vector<std::optional<Tokens>> tokens) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (tokens[i]) {
      service.engine.add_text(wanted, i, std::move(*tokens[i]));
    } else {
      service.decoders.add(wanted, i, std::move(inputs[i]));
    }
  }
}

struct Rows {
  Embeddings rows;
  Durations took;
};

// Sleeps until the rows are there, without a thread.
asio::awaitable<Rows> rows_of(Service& service, std::shared_ptr<const Client> client,
                              std::vector<ApiInput> inputs,
                              std::vector<std::optional<Tokens>> tokens) {
  const auto begin = [&](auto handler) {
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    const auto done = [shared](const std::exception_ptr& failure, Embeddings rows, Durations took) {
      const auto executor = asio::get_associated_executor(*shared);
      asio::post(executor, [shared, failure, found = Rows{std::move(rows), took}]() mutable {
        std::move (*shared)(failure, std::move(found));
      });
    };
    const auto wanted =
        std::make_shared<WantedRows>(inputs.size(), service.info.dim, std::move(client),
                                     std::make_exception_ptr(not_ready()), done);
    queue(service, wanted, std::move(inputs), std::move(tokens));
  };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>,
                                          void(std::exception_ptr, Rows)>(begin,
                                                                          asio::use_awaitable);
}

}  // namespace

asio::awaitable<Embeddings> embed(Service& service, Request& request, std::vector<ApiInput> inputs,
                                  bool normalize, std::vector<bool>* truncated) {
  for (const ApiInput& input : inputs) check_parts(service, input);
  co_await fetch_images(service, request, inputs);
  reserve_memory(service, request, inputs);
  std::vector<std::optional<Tokens>> tokens = tokenize(service, request, inputs);
  if (truncated != nullptr) {
    for (const auto& text : tokens) truncated->push_back(text && text->truncated);
  }
  const std::size_t count = inputs.size();
  const auto texts = static_cast<std::size_t>(std::count_if(
      tokens.begin(), tokens.end(), [](const auto& text) { return text.has_value(); }));
  request.facts.texts += texts;
  request.facts.images += count - texts;
  Rows found = co_await rows_of(service, request.client, std::move(inputs), std::move(tokens));
  request.facts.took = found.took;
  service.metrics.queue_seconds.observe(found.took.queue.count());
  service.metrics.inference_seconds.observe(found.took.inference.count());
  service.metrics.texts.add(texts);
  service.metrics.images.add(count - texts);
  if (normalize) normalize_rows(found.rows);
  co_return std::move(found.rows);
}

}  // namespace llm2clip::serve
