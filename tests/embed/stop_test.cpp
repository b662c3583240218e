// What a call does between a stop and its end, with a stand-in for the network.

#include <atomic>
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "embed/pipeline_support.h"
#include "support/catch.h"
#include "support/error.h"
#include "support/scratch.h"

namespace llm2clip {
namespace {

using namespace testing;

constexpr std::size_t kTexts = 100;
constexpr std::size_t kWindow = 10;

// A text a pass: asks between passes, as Model does.
class SlowNetwork {
 public:
  Embeddings operator()(const TextBatches::Texts& texts, const EncodeOptions& options) const {
    Embeddings rows(texts.tokens.size(), kRowDim);
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      check_stop(options.stop);
      ++passes;
      put_row(texts.tokens[i].ids, rows[i]);
    }
    return rows;
  }

  mutable std::size_t passes = 0;
};

EmbedSummary embed(const std::vector<std::string>& texts, Run& run, const SlowNetwork& network,
                   const EmbedOptions& options = {}) {
  return embed_texts_with(network, texts, demo_tokenizer(), kWindow, run, options);
}

TEST_CASE("an orderly stop needs no more than the pass that runs, and is resumed to the same bytes",
          "[embed][stop]") {
  constexpr std::size_t kDone = 2 * kWindow;
  constexpr std::size_t kStopped = kDone + 4;  // in the third window
  const Scratch folder;
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < kTexts; ++i) {
    texts.push_back("an image of " + std::to_string(i * i) + " dogs");
  }
  const RunOptions run_options{.existing = Existing::resume, .dim = kRowDim, .provenance = {}};
  {
    Run whole(folder / "whole.npy", run_options);
    CHECK(embed(texts, whole, SlowNetwork()).embedded == kTexts);
    whole.finish();
  }
  {
    Run stopped(folder / "x.npy", run_options);
    const SlowNetwork network;
    EmbedOptions options;
    options.stop = [&] { return network.passes == kStopped; };
    const Error error = error_of([&] { embed(texts, stopped, network, options); });
    CHECK(std::string(error.what()) == "cancelled");
    CHECK(network.passes == kStopped);
    CHECK(stopped.summary().embedded == kDone);
  }
  CHECK_FALSE(std::filesystem::exists(folder / "x.npy"));
  Run resumed(folder / "x.npy", run_options);
  const SlowNetwork rest;
  const EmbedSummary summary = embed(texts, resumed, rest);
  CHECK(summary.embedded == kTexts - kDone);
  CHECK(summary.passed_over == kDone);
  CHECK(rest.passes == kTexts - kDone);
  resumed.finish();
  CHECK(content_of(folder / "x.npy") == content_of(folder / "whole.npy"));
}

TEST_CASE("a stop is heeded while nothing comes", "[embed][stop]") {
  std::atomic<bool> go_on = false;
  std::atomic<bool> asked = false;
  const auto source = [&]() -> std::optional<TextInput> {
    while (!go_on) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return std::nullopt;
  };
  EmbedOptions options;
  options.stop = [&] {
    if (asked.exchange(true)) go_on = true;  // so that the call can wait for its thread
    return asked.load();
  };
  Embeddings rows;
  const Error error = error_of(
      [&] { embed_texts_with(SlowNetwork(), source, demo_tokenizer(), kWindow, rows, options); });
  CHECK(std::string(error.what()) == "cancelled");
}

}  // namespace
}  // namespace llm2clip
