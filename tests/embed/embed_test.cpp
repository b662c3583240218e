#include "llm2clip/embed.h"

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "llm2clip/embeddings_file.h"
#include "support/catch.h"
#include "support/error.h"
#include "support/scratch.h"
#include "support/tiny_model.h"

namespace llm2clip {
namespace {

using namespace testing;
using Catch::Matchers::Contains;

std::vector<Image> make_images(int count) {
  std::vector<Image> images;
  for (int i = 0; i < count; ++i) {
    Image image{.width = 9 + i, .height = 12};
    image.pixels.resize(static_cast<std::size_t>(3 * image.width * image.height));
    std::iota(image.pixels.begin(), image.pixels.end(), static_cast<std::uint8_t>(5 * i));
    images.push_back(std::move(image));
  }
  return images;
}

std::vector<std::filesystem::path> write_images(const Scratch& folder,
                                                const std::vector<Image>& images) {
  std::vector<std::filesystem::path> paths;
  for (const Image& image : images) {
    paths.push_back(folder / (std::to_string(paths.size()) + ".png"));
    write_file(paths.back(), encode_png(image));
  }
  return paths;
}

TEST_CASE("rows of files have the bits of encode_images", "[embed]") {
  const TinyModel tiny;
  const Scratch folder;
  const std::vector<Image> images = make_images(11);
  const EncodeOptions encode{.batch_size = 4};
  Embeddings rows;
  const EmbedSummary summary = embed_images(tiny.model, write_images(folder, images), rows,
                                            {.encode = encode, .decoding_threads = 2});
  CHECK(summary.inputs == 11);
  CHECK(summary.embedded == 11);
  CHECK(summary.failures.empty());
  CHECK(std::ranges::equal(rows.values(), tiny.model.encode_images(images, encode).values()));
}

TEST_CASE("rows of texts have the bits of encode_texts", "[embed]") {
  const TinyModel tiny;
  const std::vector<std::string> texts = {"a dog", "a cat", "a dog", "", std::string(900, 'x')};
  Embeddings rows;
  const EmbedSummary summary = embed_texts(tiny.model, texts, rows);
  CHECK(summary.embedded == 5);
  CHECK(summary.truncated == 1);
  CHECK(std::ranges::equal(rows.values(), tiny.model.encode_texts(texts).values()));
  Embeddings captions;
  embed_texts(tiny.model, texts, captions, {.encode = {.adapter = false}});
  CHECK(captions.dim() == kTinyTextWidth);
  const Error error =
      error_of([&] { embed_texts(tiny.model, texts, rows, {.on_long = OnLong::error}); });
  CHECK(error.kind() == ErrorKind::unreadable_input);
  CHECK_THAT(error.what(), Contains("text 4: has more than "));
}

TEST_CASE("nothing is a source, too, and gives no rows of the model's size", "[embed]") {
  const TinyModel tiny;
  Embeddings rows(3, 2);
  CHECK(embed_images(tiny.model, std::vector<std::string>(), rows).inputs == 0);
  CHECK(rows.rows() == 0);
  CHECK(rows.dim() == kTinyDim);
}

TEST_CASE("a model without the part is refused before anything is read", "[embed]") {
  const TinyModel tiny({.device = "cpu", .vision = false});
  const auto source = []() -> std::optional<ImageInput> {
    FAIL("it was asked");
    return std::nullopt;
  };
  Embeddings rows;
  const Error error = error_of([&] { embed_images(tiny.model, source, rows); });
  CHECK(error.kind() == ErrorKind::invalid_argument);
  CHECK_THAT(error.what(), Contains("vision part"));
}

TEST_CASE("callbacks in the options of encode are refused", "[embed]") {
  const TinyModel tiny;
  Embeddings rows;
  EmbedOptions options;
  options.encode.stop = [] { return false; };
  const std::vector<std::string> texts = {"a dog"};
  CHECK(error_of([&] { embed_texts(tiny.model, texts, rows, options); }).kind() ==
        ErrorKind::invalid_argument);
}

TEST_CASE("a malformed image of the program ends the call as an invalid argument", "[embed]") {
  const TinyModel tiny;
  std::vector<std::pair<std::string, Image>> images = {{"a", make_images(1)[0]}};
  images[0].second.pixels.pop_back();
  Embeddings rows;
  CHECK(error_of([&] { embed_images(tiny.model, images, rows); }).kind() ==
        ErrorKind::invalid_argument);
}

TEST_CASE("progress knows the total, and can cancel", "[embed]") {
  const TinyModel tiny;
  const std::vector<std::string> texts(20, "a dog");
  std::vector<std::uint64_t> done;
  EmbedOptions options;
  options.text_window = 8;
  options.progress = [&](std::uint64_t inputs, std::optional<std::uint64_t> total) {
    CHECK(total == 20u);
    done.push_back(inputs);
    return inputs < 16;
  };
  Embeddings rows;
  const Error error = error_of([&] { embed_texts(tiny.model, texts, rows, options); });
  CHECK_THAT(error.what(), Contains("cancelled"));
  CHECK(std::ranges::is_sorted(done));
  CHECK(done.back() == 16);
}

TEST_CASE("crops are those of resize_and_crop, in order", "[embed]") {
  const Scratch folder;
  const std::vector<Image> images = make_images(9);
  const PreprocessOptions preprocess{.image_size = 8};
  std::vector<std::uint8_t> crops;
  std::vector<std::filesystem::path> paths = write_images(folder, images);
  paths.insert(paths.begin() + 3, folder / "none.png");
  const auto keep = [&](const PreprocessedBatch& batch) {
    crops.insert(crops.end(), batch.crops.begin(), batch.crops.end());
  };
  const EmbedSummary summary =
      preprocess_images(preprocess, paths, keep, {.encode = {.batch_size = 4}});
  CHECK(summary.embedded == 9);
  CHECK(summary.failed == 1);
  std::vector<std::uint8_t> expected;
  for (const Image& image : images) {
    const Image crop = resize_and_crop(image, preprocess);
    expected.insert(expected.end(), crop.pixels.begin(), crop.pixels.end());
  }
  CHECK(crops == expected);
  CHECK(error_of([&] { preprocess_images({.image_size = 0}, paths, keep); }).kind() ==
        ErrorKind::invalid_argument);
}

TEST_CASE("several calls share a model", "[embed]") {
  const TinyModel tiny;
  const Scratch folder;
  const std::vector<Image> images = make_images(20);
  const std::vector<std::filesystem::path> paths = write_images(folder, images);
  const EmbedOptions options{.encode = {.batch_size = 4}};
  const Embeddings expected = tiny.model.encode_images(images, options.encode);
  std::vector<Embeddings> rows(3);
  {
    std::vector<std::jthread> threads;
    for (Embeddings& mine : rows) {
      threads.emplace_back([&] { embed_images(tiny.model, paths, mine, options); });
    }
  }
  for (const Embeddings& mine : rows) CHECK(std::ranges::equal(mine.values(), expected.values()));
}

}  // namespace
}  // namespace llm2clip
