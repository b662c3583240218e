#include "serve/service.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "serve/api/api_error.h"

namespace llm2clip::serve {
namespace {

constexpr std::size_t kLeastHandlers = 2;

std::size_t processors() { return std::max(std::thread::hardware_concurrency(), 1u); }

DecodeOptions decode_options(const cli::ServeFlags& flags, const ModelInfo& info) {
  return {.read = flags.read,
          .preprocess = info.preprocess,
          .threads = flags.model.threads > 0 ? static_cast<std::size_t>(flags.model.threads)
                                             : processors(),
          .memory = flags.decode_memory};
}

template <typename Thing>
const Named<Thing>& find_named(const std::vector<Named<Thing>>& things, const std::string& name,
                               const char* what) {
  const auto found = std::find_if(things.begin(), things.end(),
                                  [&](const Named<Thing>& one) { return one.name == name; });
  if (found != things.end()) return *found;
  std::string names;
  for (const auto& one : things) names += (names.empty() ? "" : ", ") + one.name;
  throw bad_request(what, std::string(what) + ": there is none of that name; there " +
                              (names.empty() ? "are none" : "is " + names));
}

}  // namespace

Service::Service(const cli::ServeFlags& flags_given, ModelInfo manifest, bool quiet)
    : flags(flags_given),
      info(std::move(manifest)),
      log(quiet),
      memory(flags.max_memory),
      engine({.tokens = flags.batch.encode.batch_tokens, .images = flags.batch.encode.batch_size},
             metrics,
             [this](const std::string& line) { log.warning("batch_failed", {{"message", line}}); }),
      decoders(
          decode_options(flags, info),
          [this](std::shared_ptr<WantedRows> wanted, std::size_t input,
                 std::vector<std::uint8_t> crop) {
            engine.add_crop(std::move(wanted), input, std::move(crop));
          },
          // On a CPU the network would take the cores from those that make its next crops, and
          // have a batch of one or two.
          [this](bool all_busy) {
            engine.hold_crops(all_busy && model && model->device() == "cpu");
          }),
      fetcher(flags.image_hosts),
      handlers(std::max(processors(), kLeastHandlers)) {}

// Each request that still waits is told that the server ends, which takes a handler.
void Service::end() {
  engine.stop();
  decoders.stop();
  handlers.join();
}

const Named<Index>& find_named_index(const Service& service, const std::string& name) {
  return find_named(service.indexes, name, "index");
}

const Index& find_index(const Service& service, const std::optional<std::string>& name) {
  if (!name && service.indexes.size() == 1) return service.indexes.front().thing;
  if (!name && !service.indexes.empty()) {
    throw bad_request("index", "index: a name is expected, as there are several");
  }
  return find_named_index(service, name.value_or("")).thing;
}

const Classifier& find_label_bank(const Service& service, const std::string& name) {
  return find_named(service.label_banks, name, "label_bank").thing;
}

std::string name_of_path(const std::string& path) {
  std::filesystem::path trimmed(path);
  if (!trimmed.has_filename()) trimmed = trimmed.parent_path();
  return trimmed.stem().string();
}

}  // namespace llm2clip::serve
