// What a job does between a signal and its end, with a stand-in for the network.

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <memory>
#include <string>

#include "jobs/embed.h"
#include "jobs/text_batches.h"
#include "support/catch.h"
#include "support/scratch.h"

namespace llm2clip::cli {
namespace {

using testing::content_of;
using testing::put;
using testing::Scratch;

constexpr std::size_t kDim = 4;
constexpr std::size_t kTexts = 100;
constexpr std::size_t kWindow = 10;

// A text a pass: asks between passes, as Model does.
class SlowNetwork {
 public:
  explicit SlowNetwork(int signal_in_pass) : signal_in_pass_(signal_in_pass) {}

  Embeddings encode(const TextBatches::Texts& texts, const EncodeOptions& options) {
    Embeddings rows(texts.tokens.size(), kDim);
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      if (options.stop()) throw Error(ErrorKind::invalid_argument, "cancelled");
      if (++passes_ == signal_in_pass_) std::raise(SIGTERM);
      for (const std::int64_t id : texts.tokens[i].ids)
        rows[i][static_cast<std::size_t>(id) % kDim] += 1;
    }
    return rows;
  }
  int passes() const { return passes_; }

 private:
  int signal_in_pass_;
  int passes_ = 0;
};

RunSummary embed(const std::filesystem::path& file, const OutputFlags& output, const JobFlags& job,
                 SlowNetwork& network) {
  TextFlags flags;
  flags.files = {file.string()};
  Messages messages(
      MessageFlags{.quiet = true, .verbose = false, .log_json = false, .progress = "never"});
  Progress progress(messages, "texts");
  const auto results =
      std::make_shared<Results>(output, job, Results::Provenance(), Results::Provenance(), kDim);
  {
    auto tokenizer =
        std::make_shared<const Tokenizer>(Tokenizer::load("models/demo/tokenizer.json"));
    TextBatches batches(std::make_shared<TextSource>(flags), tokenizer, kWindow, 512, false,
                        results);
    embed_batches(batches, *results, job, progress, messages, {},
                  [&](const TextBatches::Texts& texts, const EncodeOptions& options) {
                    return network.encode(texts, options);
                  });
  }
  return stop_signal() == 0 ? results->finish() : results->stop();
}

constexpr std::size_t kDone = 2 * kWindow;
constexpr int kSignalInPass = static_cast<int>(kDone) + 4;  // in the third window

// In a process of its own, because one that was asked to stop stays so.
bool stopped_as_wanted(const std::filesystem::path& file, const OutputFlags& output) {
  const pid_t child = ::fork();
  if (child == 0) {
    catch_stop_signals();
    SlowNetwork network(kSignalInPass);
    const RunSummary summary = embed(file, output, {}, network);
    const bool in_order = stop_signal() == SIGTERM && network.passes() == kSignalInPass;
    ::_exit(in_order && summary.embedded == kDone ? 0 : 1);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  return status == 0;
}

TEST_CASE("an orderly stop needs no more than the pass that runs, and is resumed to the same bytes",
          "[tools][stop]") {
  const Scratch folder;
  std::string lines;
  for (std::size_t i = 0; i < kTexts; ++i)
    lines += "an image of " + std::to_string(i * i) + " dogs\n";
  put(folder / "texts.txt", lines);
  OutputFlags output;
  output.path = (folder / "whole.npy").string();
  SlowNetwork undisturbed(-1);
  CHECK(embed(folder / "texts.txt", output, {}, undisturbed).embedded == kTexts);

  output.path = (folder / "x.npy").string();
  CHECK(stopped_as_wanted(folder / "texts.txt", output));
  CHECK_FALSE(std::filesystem::exists(output.path));
  SlowNetwork rest(-1);
  JobFlags resuming;
  resuming.resume = true;
  CHECK(embed(folder / "texts.txt", output, resuming, rest).embedded == kTexts);
  CHECK(rest.passes() == static_cast<int>(kTexts - kDone));
  CHECK(content_of(output.path) == content_of(folder / "whole.npy"));
}

}  // namespace
}  // namespace llm2clip::cli
