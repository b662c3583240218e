// The threads of a job together, as embed-image and embed-text have them, with a stand-in for the
// network. .ci/run has these under ThreadSanitizer.

#include <chrono>
#include <filesystem>
#include <memory>
#include <numeric>
#include <string>
#include <thread>

#include "jobs/image_batches.h"
#include "jobs/job_thread.h"
#include "jobs/results.h"
#include "jobs/text_batches.h"
#include "support/catch.h"
#include "support/scratch.h"

namespace llm2clip::cli {
namespace {

namespace fs = std::filesystem;
using testing::content_of;
using testing::put;
using testing::Scratch;

constexpr std::size_t kDim = 4;
constexpr int kImages = 60;
constexpr int kTexts = 300;

// Every seventh is cut in the middle.
void write_images(const fs::path& folder) {
  for (int i = 0; i < kImages; ++i) {
    Image image{.width = 40 + i, .height = 50};
    image.pixels.resize(static_cast<std::size_t>(3 * image.width * image.height));
    std::iota(image.pixels.begin(), image.pixels.end(), static_cast<std::uint8_t>(i));
    const std::vector<std::uint8_t> png = encode_png(image);
    const std::size_t bytes = i % 7 == 3 ? png.size() / 2 : png.size();
    put(folder / ("image" + std::to_string(100 + i) + ".png"),
        {reinterpret_cast<const char*>(png.data()), bytes});
  }
}

// Every eleventh is no UTF-8.
void write_texts(const fs::path& file) {
  std::string lines;
  for (int i = 0; i < kTexts; ++i) {
    lines += i % 11 == 5 ? "\xff\xfe\n" : "an image of " + std::to_string(i) + " dogs\n";
  }
  put(file, lines);
}

// What a network would do: a row of each input's content alone.
template <typename Values>
void put_row(const Values& values, std::span<float> row) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    row[i % row.size()] += static_cast<float>(values[i]) + 1;
  }
}

struct Job {
  OutputFlags output;
  JobFlags flags;

  explicit Job(const fs::path& path) {
    output.path = path.string();
    flags.commit_rows = 16;
  }
};

// Encodes until `most` batches are done or none is left; whether it got to the end.
template <typename Batches, typename Encode>
bool encode_batches(Batches& batches, Results& results, int most, const Encode& encode) {
  for (int i = 0; i < most; ++i) {
    auto inputs = batches.next();
    if (!inputs) return true;
    Batch& batch = inputs->batch;
    batch.rows = encode(*inputs);
    refuse_bad_rows(batch);
    results.add(std::move(batch));
  }
  return false;
}

RunSummary end(Results& results, bool complete) {
  return complete ? results.finish() : results.stop();
}

RunSummary embed_images(const std::string& folder, const Job& job, int most) {
  ImageFlags flags;
  flags.paths = {folder};
  flags.recursive = true;
  auto source = std::make_shared<ImageSource>(flags);
  const auto results = std::make_shared<Results>(job.output, job.flags, Results::Provenance(),
                                                 Results::Provenance(), kDim);
  bool complete = false;
  {
    // Room for two images at once, so that decoders wait for one another.
    constexpr std::uint64_t kMemory = 50'000;
    ImageBatches batches(std::move(source), {.image_size = 16}, 4, 3, kMemory, results);
    complete = encode_batches(batches, *results, most, [](const ImageBatches::Images& images) {
      Embeddings rows(images.images.size(), kDim);
      for (std::size_t i = 0; i < rows.rows(); ++i) put_row(images.images[i].pixels, rows[i]);
      return rows;
    });
  }
  return end(*results, complete);
}

RunSummary embed_texts(const std::string& file, const Job& job, int most) {
  static const auto tokenizer =
      std::make_shared<const Tokenizer>(Tokenizer::load("models/demo/tokenizer.json"));
  TextFlags flags;
  flags.files = {file};
  auto source = std::make_shared<TextSource>(flags);
  const auto results = std::make_shared<Results>(job.output, job.flags, Results::Provenance(),
                                                 Results::Provenance(), kDim);
  bool complete = false;
  {
    TextBatches batches(std::move(source), tokenizer, 8, 512, /*refuse_long=*/false, results);
    complete = encode_batches(batches, *results, most, [](const TextBatches::Texts& texts) {
      Embeddings rows(texts.tokens.size(), kDim);
      for (std::size_t i = 0; i < rows.rows(); ++i) put_row(texts.tokens[i].ids, rows[i]);
      return rows;
    });
  }
  return end(*results, complete);
}

constexpr int kAll = 1'000'000;

// Stops after each `step` batches until it is done; the outputs must be those of `undisturbed`.
template <typename Embed>
void stop_and_go(const Scratch& folder, const Embed& embed, int step) {
  Job job(folder / "stopped.npy");
  int starts = 1;
  embed(job, step);
  job.flags.resume = true;
  for (; !fs::exists(job.output.path); ++starts) {
    REQUIRE(starts < 200);
    embed(job, step);
  }
  CHECK(starts > 3);
  CHECK(content_of(job.output.path) == content_of(folder / "undisturbed.npy"));
  CHECK(content_of(job.output.path + ".errors.jsonl") ==
        content_of(folder / "undisturbed.npy.errors.jsonl"));
}

TEST_CASE("images go through all threads of a job, and again after stops", "[tools][pipeline]") {
  const Scratch folder;
  fs::create_directory(folder / "images");
  write_images(folder / "images");
  const auto embed = [&](const Job& job, int most) {
    return embed_images((folder / "images").string(), job, most);
  };
  const RunSummary summary = embed(Job(folder / "undisturbed.npy"), kAll);
  CHECK(summary.inputs == kImages);
  CHECK(summary.failed == 9);
  CHECK(summary.embedded == kImages - 9);
  stop_and_go(folder, embed, 2);
}

TEST_CASE("texts go through all threads of a job, and again after stops", "[tools][pipeline]") {
  const Scratch folder;
  write_texts(folder / "texts.txt");
  const auto embed = [&](const Job& job, int most) {
    return embed_texts((folder / "texts.txt").string(), job, most);
  };
  const RunSummary summary = embed(Job(folder / "undisturbed.npy"), kAll);
  CHECK(summary.inputs == kTexts);
  CHECK(summary.failed == 27);
  CHECK(summary.embedded == kTexts - 27);
  stop_and_go(folder, embed, 5);
}

TEST_CASE("a thread that cuts a long text into tokens keeps what it uses", "[tools][pipeline]") {
  const Scratch folder;
  std::string line;
  for (int i = 0; line.size() < 8'000'000; ++i) line += "word" + std::to_string(i) + " ";
  put(folder / "long.txt", line);
  TextFlags flags;
  flags.files = {(folder / "long.txt").string()};
  flags.max_text_bytes = 1u << 30;
  auto job = std::make_unique<Job>(folder / "x.npy");
  auto results = std::make_shared<Results>(job->output, job->flags, Results::Provenance(),
                                           Results::Provenance(), kDim);
  auto tokenizer = std::make_shared<const Tokenizer>(Tokenizer::load("models/demo/tokenizer.json"));
  const std::weak_ptr<const Tokenizer> used = tokenizer;
  {
    const TextBatches batches(std::make_shared<TextSource>(flags), std::move(tokenizer), 8, 512,
                              /*refuse_long=*/false, results);
    std::this_thread::sleep_for(
        std::chrono::milliseconds(50));  // so that it is in the middle, most likely
  }
  results.reset();
  job.reset();
  while (!used.expired()) std::this_thread::yield();
  any_thread_left = false;
}

}  // namespace
}  // namespace llm2clip::cli
