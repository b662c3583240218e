// The threads of a call together, with a stand-in for the network. .ci/run has these under
// ThreadSanitizer.

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "embed/pipeline_support.h"
#include "support/catch.h"
#include "support/error.h"
#include "support/scratch.h"

namespace llm2clip {
namespace {

namespace fs = std::filesystem;
using namespace testing;

constexpr int kImages = 60;
constexpr int kTexts = 300;

// Every seventh is cut in the middle.
std::vector<fs::path> write_images(const fs::path& folder) {
  std::vector<fs::path> paths;
  for (int i = 0; i < kImages; ++i) {
    Image image{.width = 40 + i, .height = 50};
    image.pixels.resize(static_cast<std::size_t>(3 * image.width * image.height));
    std::iota(image.pixels.begin(), image.pixels.end(), static_cast<std::uint8_t>(i));
    const std::vector<std::uint8_t> png = encode_png(image);
    const std::size_t bytes = i % 7 == 3 ? png.size() / 2 : png.size();
    paths.push_back(folder / ("image" + std::to_string(100 + i) + ".png"));
    put(paths.back(), {reinterpret_cast<const char*>(png.data()), bytes});
  }
  return paths;
}

// Every eleventh is no UTF-8.
std::vector<std::string> make_texts() {
  std::vector<std::string> texts;
  for (int i = 0; i < kTexts; ++i) {
    texts.push_back(i % 11 == 5 ? "\xff\xfe" : "an image of " + std::to_string(i) + " dogs");
  }
  return texts;
}

EmbedSummary embed_images(const std::vector<fs::path>& paths, EmbedSink sink,
                          EmbedOptions options = {}) {
  options.encode.batch_size = 4;
  options.decoding_threads = 3;
  options.decode_memory = 50'000;  // two images at once, so that decoders wait for one another
  return embed_images_with([](const auto&... inputs) { return rows_of(inputs...); }, paths, 16,
                           std::move(sink), options);
}

EmbedSummary embed_texts(const std::vector<std::string>& texts, EmbedSink sink,
                         const EmbedOptions& options = {}) {
  static const auto tokenizer = demo_tokenizer();
  return embed_texts_with([](const auto&... inputs) { return rows_of(inputs...); }, texts,
                          tokenizer, 8, std::move(sink), options);
}

// Stops after each `step` batches until it is done; the outputs must be those of `undisturbed`.
template <typename Embed>
void stop_and_go(const Scratch& folder, const Embed& embed, int step) {
  const fs::path output = folder / "stopped.npy";
  int starts = 0;
  for (; !fs::exists(output); ++starts) {
    REQUIRE(starts < 200);
    Run run(output,
            {.existing = Existing::resume, .dim = kRowDim, .provenance = {}, .commit_rows = 16});
    int batches = 0;
    EmbedOptions options;
    options.progress = [&](std::uint64_t, auto) { return ++batches <= step; };
    try {
      embed(run, options);
    } catch (const Error& error) {
      REQUIRE(error.kind() == ErrorKind::cancelled);
      continue;
    }
    run.finish();
  }
  CHECK(starts > 3);
  CHECK(content_of(output) == content_of(folder / "undisturbed.npy"));
  CHECK(content_of(output.string() + ".errors.jsonl") ==
        content_of(folder / "undisturbed.npy.errors.jsonl"));
}

template <typename Embed>
void check_run(const Scratch& folder, const Embed& embed, std::uint64_t inputs,
               std::uint64_t failed) {
  Run run(folder / "undisturbed.npy", {.dim = kRowDim, .provenance = {}, .commit_rows = 16});
  const EmbedSummary summary = embed(run, EmbedOptions());
  CHECK(summary.inputs == inputs);
  CHECK(summary.failed == failed);
  CHECK(summary.failed_by_code.at("unreadable_input") == failed);
  CHECK(summary.embedded == inputs - failed);
  CHECK(summary.failures.empty());  // the run has them
  const RunSummary written = run.finish();
  CHECK(written.embedded == summary.embedded);
  CHECK(written.failed == failed);
}

TEST_CASE("images go through all threads of a call, and again after stops", "[embed][pipeline]") {
  const Scratch folder;
  fs::create_directory(folder / "images");
  const std::vector<fs::path> paths = write_images(folder / "images");
  const auto embed = [&](Run& run, const EmbedOptions& options) {
    return embed_images(paths, run, options);
  };
  check_run(folder, embed, kImages, 9);
  stop_and_go(folder, embed, 2);
}

TEST_CASE("texts go through all threads of a call, and again after stops", "[embed][pipeline]") {
  const Scratch folder;
  const std::vector<std::string> texts = make_texts();
  const auto embed = [&](Run& run, const EmbedOptions& options) {
    return embed_texts(texts, run, options);
  };
  check_run(folder, embed, kTexts, 27);
  stop_and_go(folder, embed, 5);
}

TEST_CASE("every source and every sink gives the same rows", "[embed][pipeline]") {
  const Scratch folder;
  const std::vector<fs::path> paths = write_images(folder.path());
  Embeddings expected;
  const EmbedSummary summary = embed_images(paths, expected);
  REQUIRE(expected.rows() == kImages - 9);
  REQUIRE(summary.failures.size() == 9);
  CHECK(summary.failures[1].input.index == 10);
  CHECK(summary.failures[1].input.id == paths[10].string());
  CHECK(summary.failures[1].failure->stage == "read");

  std::vector<std::pair<std::string, std::vector<std::uint8_t>>> bytes;
  for (const fs::path& path : paths) {
    const std::string content = content_of(path);
    bytes.emplace_back(path.string(), std::vector<std::uint8_t>(content.begin(), content.end()));
  }
  std::size_t next = 0;
  const auto callback = [&]() -> std::optional<ImageInput> {
    if (next == paths.size()) return std::nullopt;
    return ImageInput{.id = paths[next].string(), .content = paths[next++]};
  };
  const auto encode = [](const auto&... inputs) { return rows_of(inputs...); };
  EmbedOptions options;
  options.encode.batch_size = 4;
  for (ImageSource source : {ImageSource(bytes), ImageSource(callback)}) {
    std::vector<float> values;
    std::vector<std::string> ids;
    const auto keep = [&](const EmbeddedBatch& batch) {
      values.insert(values.end(), batch.rows.values().begin(), batch.rows.values().end());
      for (const Outcome& outcome : batch.outcomes) ids.push_back(outcome.input.id);
    };
    embed_images_with(encode, std::move(source), 16, keep, options);
    CHECK(std::ranges::equal(values, expected.values()));
    REQUIRE(ids.size() == paths.size());
    for (std::size_t i = 0; i < ids.size(); ++i) CHECK(ids[i] == paths[i].string());
  }
}

TEST_CASE("pixels are a source, too", "[embed][pipeline]") {
  Image image{.width = 20, .height = 16};
  image.pixels.resize(20 * 16 * 3);
  std::iota(image.pixels.begin(), image.pixels.end(), std::uint8_t{3});
  const std::vector<std::pair<std::string, Image>> images = {{"a", image}, {"b", image}};
  Embeddings rows;
  const auto encode = [](const auto&... inputs) { return rows_of(inputs...); };
  CHECK(embed_images_with(encode, images, 16, rows, {}).embedded == 2);
  Embeddings expected(1, kRowDim);
  put_row(resize_and_crop(image, {.image_size = 16}).pixels, expected[0]);
  CHECK(std::ranges::equal(rows[0], expected[0]));
  CHECK(std::ranges::equal(rows[1], expected[0]));
}

TEST_CASE("an input that failed before it was read takes its place in the order",
          "[embed][pipeline]") {
  std::vector<TextInput> inputs = {{.id = "a", .text = "one"},
                                   {.id = "b", .failure = RunFailure{"list", "gone", "b: gone"}},
                                   {.id = "c", .text = "\xff", .place = "there:3"},
                                   {.id = "d", .text = "two"}};
  std::vector<std::string> told;
  EmbedOptions options;
  options.failed = [&](const Outcome& outcome) {
    told.push_back(std::to_string(outcome.input.index) + " " + outcome.failure->message);
  };
  Embeddings rows;
  const auto encode = [](const auto&... texts) { return rows_of(texts...); };
  const EmbedSummary summary = embed_texts_with(encode, inputs, demo_tokenizer(), 8, rows, options);
  CHECK(summary.embedded == 2);
  CHECK(summary.failed_by_code ==
        std::map<std::string, std::uint64_t>{{"gone", 1}, {"unreadable_input", 1}});
  REQUIRE(told.size() == 2);
  CHECK(told[0] == "1 b: gone");
  CHECK(told[1].starts_with("2 there:3: invalid UTF-8"));
}

TEST_CASE("the first failure or too many of them end a call", "[embed][pipeline]") {
  const std::vector<std::string> texts = make_texts();
  Embeddings rows;
  const auto refused = [&](const EmbedOptions& options) {
    const Error error = error_of([&] { embed_texts(texts, rows, options); });
    CHECK(error.kind() == ErrorKind::unreadable_input);
    CHECK(rows.rows() == 0);
    return std::string(error.what());
  };
  EmbedOptions options;
  options.stop_at_failure = true;
  CHECK(refused(options).starts_with("text 5: invalid UTF-8"));
  options = {.failure_limit = {.count = 3}};
  CHECK(refused(options) == "4 of 40 inputs failed, more than the limit allows");
  options.failure_limit.count = 27;
  CHECK(embed_texts(texts, rows, options).failed == 27);
}

TEST_CASE("what the source, the sink or a callback throws ends the call", "[embed][pipeline]") {
  const std::vector<std::string> texts = make_texts();
  struct Mine {};
  const auto throwing = [](const auto&...) { throw Mine(); };
  Embeddings rows;
  std::size_t given = 0;
  const auto source = [&]() -> std::optional<TextInput> {
    if (++given == 20) throw Mine();
    return TextInput{.id = "x", .text = "x"};
  };
  const auto encode = [](const auto&... inputs) { return rows_of(inputs...); };
  CHECK_THROWS_AS(embed_texts_with(encode, source, demo_tokenizer(), 8, rows, {}), Mine);
  CHECK_THROWS_AS(embed_texts(texts, throwing), Mine);
  CHECK_THROWS_AS(embed_texts(texts, EmbedSink::in_own_thread(throwing)), Mine);
  EmbedOptions options;
  options.failed = throwing;
  CHECK_THROWS_AS(embed_texts(texts, rows, options), Mine);
}

TEST_CASE("a thread that cuts a long text into tokens keeps what it uses", "[embed][pipeline]") {
  std::string line;
  for (int i = 0; line.size() < 8'000'000; ++i) line += "word" + std::to_string(i) + " ";
  auto tokenizer = demo_tokenizer();
  const std::weak_ptr<const Tokenizer> used = tokenizer;
  {
    const auto source = [text = std::move(line)] {
      return std::optional<TextInput>({.id = "long", .text = text});
    };
    const auto take = [](std::string_view id, std::string_view, std::string_view) {
      return std::optional<RunInput>({0, std::string(id), {}});
    };
    const TextBatches batches(source, std::move(tokenizer), {.window = 8}, take, {}, [] {});
    std::this_thread::sleep_for(
        std::chrono::milliseconds(50));  // so that it is in the middle, most likely
  }
  while (!used.expired()) std::this_thread::yield();
  SUCCEED();
}

}  // namespace
}  // namespace llm2clip
