#pragma once

#include <atomic>
#include <boost/asio/thread_pool.hpp>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "commands/commands.h"
#include "llm2clip/classifier.h"
#include "llm2clip/index.h"
#include "llm2clip/model.h"
#include "serve/api/requests.h"
#include "serve/fetch/image_fetcher.h"
#include "serve/watch/log_lines.h"
#include "serve/watch/metrics.h"
#include "serve/work/budget.h"
#include "serve/work/decoders.h"
#include "serve/work/engine.h"

namespace llm2clip::serve {

/// Something that requests name: an index or a label bank. Its name is that of its file or folder,
/// without the ending.
template <typename Thing>
struct Named {
  std::string name;
  Thing thing;
};

/// What the server is at.
enum class State {
  loading,   ///< the model
  ready,     ///< a first batch has run
  draining,  ///< it ends when the requests that are here are answered
};

/// What routes work with. Made before the model is loaded, so that /health can say so.
struct Service {
  Service(const cli::ServeFlags& flags_given, ModelInfo manifest, bool quiet);

  const cli::ServeFlags& flags;
  const ModelInfo info;
  std::vector<Named<Index>> indexes;
  std::vector<Named<Classifier>> label_banks;

  LogLines log;
  Metrics metrics;
  Budget memory;
  std::atomic<State> state = State::loading;
  std::atomic<bool> engine_stops = false;    ///< the batch under way is not worth finishing
  std::atomic<std::size_t> in_flight = 0;    ///< requests that compute
  std::atomic<std::size_t> connections = 0;  ///< that are open

  std::optional<Model> model;  ///< there once the state has been `ready`
  Engine engine;
  Decoders decoders;
  ImageFetcher fetcher;
  boost::asio::thread_pool handlers;  ///< where routes run

  /// Ends what computes and what answers, in that order; the engine's thread has left run().
  void end();

  ModelFacts facts() const { return {info.name, info.dim}; }
  bool embeds_texts() const { return info.text && info.adapter; }
  bool embeds_images() const { return info.vision.has_value(); }
};

/// The index of that name, and the name. Throws ApiError(400), which names what there is.
const Named<Index>& find_named_index(const Service& service, const std::string& name);
/// The one of that name; without a name the only one. Throws ApiError(400), which names what there
/// is.
const Index& find_index(const Service& service, const std::optional<std::string>& name);
const Classifier& find_label_bank(const Service& service, const std::string& name);

/// "photos" of "/data/photos.index".
std::string name_of_path(const std::string& path);

}  // namespace llm2clip::serve
