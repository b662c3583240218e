#include "llm2clip/model.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <limits>
#include <numeric>
#include <optional>
#include <thread>

#include "llm2clip/log.h"
#include "llm2clip/similarity.h"
#include "support/catch.h"
#include "support/error.h"
#include "support/tiny_model.h"

using namespace llm2clip;
using namespace llm2clip::testing;
using Catch::Matchers::Contains;

namespace {

Image plain_image(int width, int height, std::uint8_t value) {
  Image image{.width = width, .height = height};
  image.pixels.assign(static_cast<std::size_t>(width * height * 3), value);
  return image;
}

std::vector<float> row(const Embeddings& rows, std::size_t index) {
  return {rows[index].begin(), rows[index].end()};
}

double norm(std::span<const float> values) {
  return std::sqrt(std::inner_product(values.begin(), values.end(), values.begin(), 0.0));
}

}  // namespace

TEST_CASE("images give unit rows in the order of the inputs, whatever the batch size", "[model]") {
  const TinyModel tiny;
  std::vector<Image> images;
  for (int i = 0; i < 7; ++i) {
    images.push_back(plain_image(10 + i, 20, static_cast<std::uint8_t>(30 * i)));
  }
  const Embeddings together = tiny.model.encode_images(images, {.batch_size = 16});
  const Embeddings pairs = tiny.model.encode_images(images, {.batch_size = 2});
  REQUIRE(together.rows() == images.size());
  REQUIRE(together.dim() == kTinyDim);
  for (std::size_t i = 0; i < images.size(); ++i) {
    CHECK(norm(together[i]) == Approx(1));
    const Embeddings alone = tiny.model.encode_images(std::span(images).subspan(i, 1));
    CHECK(cosine(together[i], alone[0]) == Approx(1));
    CHECK(cosine(together[i], pairs[i]) == Approx(1));
  }
}

TEST_CASE("a text's row has the same bits alone and in company", "[model]") {
  const TinyModel tiny;
  const std::vector<std::string> texts = {
      "a dog", "", "a cat", "a much longer caption of a dog", "two x", "\xe7\x8b\x97", "a cow"};
  const Embeddings together = tiny.model.encode_texts(texts);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const Embeddings alone = tiny.model.encode_texts(std::span(texts).subspan(i, 1));
    CHECK(row(alone, 0) == row(together, i));
    CHECK(norm(together[i]) == Approx(1));
  }
}

TEST_CASE("rows stay raw when normalize is off, and stop at the caption when adapter is off",
          "[model]") {
  const TinyModel tiny;
  const std::vector<std::string> texts = {"a dog"};
  Embeddings raw = tiny.model.encode_texts(texts, {.normalize = false});
  CHECK(norm(raw[0]) != Approx(1));
  normalize_rows(raw);
  CHECK(row(raw, 0) == row(tiny.model.encode_texts(texts), 0));
  CHECK(tiny.model.encode_texts(texts, {.adapter = false}).dim() == kTinyTextWidth);
}

TEST_CASE("pixels with padding and blue first give the rows of the image", "[model]") {
  const TinyModel tiny;
  Image image = plain_image(9, 7, 0);
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    image.pixels[i] = static_cast<std::uint8_t>(i * 37);
  }
  std::vector<std::uint8_t> frame(7 * 32, 255);  // rows of 27 bytes, 32 apart
  for (std::size_t y = 0; y < 7; ++y) {
    for (std::size_t i = 0; i < 27; ++i) {
      frame[y * 32 + i / 3 * 3 + 2 - i % 3] = image.pixels[y * 27 + i];
    }
  }
  const ImageView view{
      .pixels = frame, .width = 9, .height = 7, .stride = 32, .channels = ChannelOrder::bgr};
  const Embeddings expected = tiny.model.encode_images(std::vector<Image>{image});
  CHECK(row(tiny.model.encode_images(std::vector<ImageView>{view}), 0) == row(expected, 0));
}

TEST_CASE("no input gives no rows", "[model]") {
  const TinyModel tiny;
  CHECK(tiny.model.encode_images(std::vector<Image>{}).rows() == 0);
  CHECK(tiny.model.encode_texts({}).rows() == 0);
  CHECK(tiny.model.encode_texts({}).dim() == kTinyDim);
}

TEST_CASE("a part that is not loaded is not read and is told by name when it is needed",
          "[model]") {
  const Scratch folder;
  write_tiny_model(folder.path());
  std::filesystem::remove(folder.path() / "text.pt");
  const Model model = Model::load(folder.path(), {.device = "cpu", .text = false});
  CHECK(model.encode_images(std::vector<Image>{plain_image(8, 8, 0)}).rows() == 1);
  const std::vector<std::string> texts = {"a dog"};
  const Error error = error_of([&] { model.encode_texts(texts); });
  CHECK(error.kind() == ErrorKind::invalid_argument);
  CHECK_THAT(error.what(), Contains("text part"));
}

TEST_CASE("the vision part can be left out", "[model]") {
  const Scratch folder;
  write_tiny_model(folder.path());
  std::filesystem::remove(folder.path() / "vision.pt");
  const Model model = Model::load(folder.path(), {.device = "cpu", .vision = false});
  CHECK(error_of([&] { model.encode_images(std::vector<Image>{plain_image(8, 8, 0)}); }).kind() ==
        ErrorKind::invalid_argument);
}

TEST_CASE("bfloat16 keeps the direction of the rows", "[model]") {
  const TinyModel tiny;
  const Model rounded =
      Model::load(tiny.folder.path(), {.device = "cpu", .precision = Precision::bfloat16});
  CHECK(rounded.text()->precision == "bfloat16");
  CHECK(rounded.vision()->precision == "bfloat16");
  const std::vector<std::string> texts = {"a dog"};
  CHECK(cosine(tiny.model.encode_texts(texts)[0], rounded.encode_texts(texts)[0]) > 0.999f);
}

TEST_CASE("progress counts inputs and can cancel", "[model]") {
  const TinyModel tiny;
  const std::vector<Image> images(5, plain_image(8, 8, 1));
  std::vector<std::size_t> calls;
  tiny.model.encode_images(images, {.batch_size = 2, .progress = [&](std::size_t done) {
                                      calls.push_back(done);
                                      return true;
                                    }});
  CHECK(calls == std::vector<std::size_t>{2, 4, 5});
  const Error error = error_of(
      [&] { tiny.model.encode_images(images, {.progress = [](std::size_t) { return false; }}); });
  CHECK(error.kind() == ErrorKind::cancelled);
}

TEST_CASE("stop is asked between the passes of one batch", "[model]") {
  const TinyModel tiny;
  // Of one length, and many more than a thousand tokens together.
  std::vector<std::string> texts;
  for (int i = 100; i < 160; ++i) texts.push_back(std::string(60, 'x') + std::to_string(i));
  int asked = 0;
  std::size_t done = 0;
  EncodeOptions options;
  options.batch_tokens = 1'000'000;
  options.progress = [&](std::size_t count) { return (done = count) > 0; };
  options.stop = [&] { return ++asked == 2; };  // before the batch, and after the first pass
  const Error error = error_of([&] { tiny.model.encode_texts(texts, options); });
  CHECK(error.kind() == ErrorKind::cancelled);
  CHECK(asked == 2);
  CHECK(done == 0);
  options.stop = [] { return false; };
  CHECK(tiny.model.encode_texts(texts, options).rows() == texts.size());
  CHECK(done == texts.size());
}

TEST_CASE("stop is asked before each batch of images", "[model]") {
  const TinyModel tiny;
  const std::vector<Image> images(5, plain_image(8, 8, 1));
  std::size_t done = 0;
  EncodeOptions options;
  options.batch_size = 2;
  options.progress = [&](std::size_t count) { return (done = count) > 0; };
  options.stop = [&] { return done == 4; };
  CHECK(error_of([&] { tiny.model.encode_images(images, options); }).kind() ==
        ErrorKind::cancelled);
  CHECK(done == 4);
}

TEST_CASE("a model that loads can be stopped at any file and any weight", "[model]") {
  const Scratch folder;
  write_tiny_model(folder.path());
  for (const Precision precision : {Precision::float32, Precision::bfloat16}) {
    LoadOptions options{.device = "cpu", .precision = precision, .optimize = Optimize::always};
    int stops = 0;
    bool prepacked = false;
    for (bool loaded = false; !loaded; ++stops) {
      int asked = 0;
      options.stop = [&] { return asked++ == stops; };
      try {
        prepacked = Model::load(folder.path(), options).text()->optimized == "prepacked";
        loaded = true;
      } catch (const Error& error) {
        REQUIRE(error.kind() == ErrorKind::cancelled);
      }
    }
    CHECK(stops > (prepacked ? 8 : 4));  // four files, and what is laid out
  }
}

TEST_CASE("crops give the bits of the images that they were made of", "[model]") {
  const TinyModel tiny;
  std::vector<Image> images;
  std::vector<std::uint8_t> crops;
  for (int i = 0; i < 5; ++i) {
    images.push_back(plain_image(9 + i, 12, 0));
    std::iota(images.back().pixels.begin(), images.back().pixels.end(), std::uint8_t{7});
    const Image crop = resize_and_crop(images.back(), tiny.model.info().preprocess);
    crops.insert(crops.end(), crop.pixels.begin(), crop.pixels.end());
  }
  const EncodeOptions options{.batch_size = 2};
  const Embeddings rows = tiny.model.encode_crops(crops, options);
  REQUIRE(rows.rows() == 5);
  const Embeddings expected = tiny.model.encode_images(images, options);
  CHECK(std::ranges::equal(rows.values(), expected.values()));
  crops.pop_back();
  const Error error = error_of([&] { tiny.model.encode_crops(crops); });
  CHECK(error.kind() == ErrorKind::invalid_argument);
  CHECK_THAT(error.what(), Contains("crops: have 959 bytes, a multiple of 192 is expected"));
  CHECK(tiny.model.encode_crops({}).rows() == 0);
}

TEST_CASE("pixels give the bits of the images that they were made of", "[model]") {
  const TinyModel tiny;
  std::vector<Image> images;
  std::vector<float> pixels;
  for (int i = 0; i < 5; ++i) {
    images.push_back(plain_image(9 + i, 12, 0));
    std::iota(images.back().pixels.begin(), images.back().pixels.end(), std::uint8_t{7});
    std::vector<float> seen(3 * 8 * 8);
    preprocess(images.back(), tiny.model.info().preprocess, seen);
    pixels.insert(pixels.end(), seen.begin(), seen.end());
  }
  const EncodeOptions options{.batch_size = 2};
  const Embeddings rows = tiny.model.encode_pixels(pixels, options);
  REQUIRE(rows.rows() == 5);
  const Embeddings expected = tiny.model.encode_images(images, options);
  CHECK(std::ranges::equal(rows.values(), expected.values()));
  pixels.pop_back();
  const Error error = error_of([&] { tiny.model.encode_pixels(pixels); });
  CHECK(error.kind() == ErrorKind::invalid_argument);
  CHECK_THAT(error.what(), Contains("pixels: have 959 values, a multiple of 192 is expected"));
}

TEST_CASE("an image is resized while another call has the network", "[model]") {
  const TinyModel tiny;
  std::vector<std::string> texts;  // several passes: stop is asked between them
  for (int i = 100; i < 160; ++i) texts.push_back(std::string(60, 'x') + std::to_string(i));
  Image malformed = plain_image(8, 8, 0);
  malformed.pixels.pop_back();
  int asked = 0;
  std::optional<ErrorKind> refused;
  EncodeOptions options;
  options.batch_tokens = 1'000'000;
  options.stop = [&] {
    // The second time the network has done one pass of several. Had the other call to wait for its
    // turn before it looked at its image, this would last for ever.
    if (++asked == 2) {
      std::thread([&] {
        refused = error_of([&] { tiny.model.encode_images(malformed); }).kind();
      }).join();
    }
    return false;
  };
  CHECK(tiny.model.encode_texts(texts, options).rows() == texts.size());
  CHECK(refused == ErrorKind::invalid_argument);
}

TEST_CASE("threads may share a model", "[model]") {
  const TinyModel tiny;
  const std::vector<std::string> texts = {"a dog", "a cat"};
  const Embeddings expected = tiny.model.encode_texts(texts);
  std::vector<int> differences(4);
  {
    std::vector<std::jthread> threads;
    for (int& difference : differences) {
      threads.emplace_back([&] {
        for (int i = 0; i < 10; ++i) {
          const Embeddings rows = tiny.model.encode_texts(texts);
          difference +=
              !std::equal(rows.values().begin(), rows.values().end(), expected.values().begin());
        }
      });
    }
  }
  CHECK(differences == std::vector<int>(4, 0));
}

TEST_CASE("ids outside of the vocabulary are refused before anything is encoded", "[model]") {
  const TinyModel tiny;
  std::size_t encoded = 0;
  EncodeOptions options;
  options.progress = [&](std::size_t done) { return (encoded = done) > 0; };
  const auto refused = [&](const Model& model, std::int64_t id) {
    const std::vector<Tokens> texts = {{.ids = {65, 66, 67, 68}}, {.ids = {65, id}, .pooled = 1}};
    const Error error = error_of([&] { model.encode_tokens(texts, options); });
    CHECK(error.kind() == ErrorKind::invalid_argument);
    CHECK(encoded == 0);
    return std::string(error.what());
  };
  CHECK(refused(tiny.model, 260) ==
        "tokens of text 1: id 260 at position 1, ids are from 0 to 259");
  for (const std::int64_t id : {std::int64_t{-1}, std::numeric_limits<std::int64_t>::min(),
                                std::numeric_limits<std::int64_t>::max()}) {
    CHECK_THAT(refused(tiny.model, id), Contains("id " + std::to_string(id) + " at position 1"));
  }
  const std::vector<Tokens> last = {{.ids = {259}}};
  CHECK(tiny.model.encode_tokens(last).rows() == 1);
  // Whatever is done to the network, and with a table that has more rows than there are tokens.
  for (const Optimize optimize : {Optimize::never, Optimize::always}) {
    const Model demo =
        Model::load("models/demo", {.device = "cpu", .vision = false, .optimize = optimize});
    CHECK_THAT(refused(demo, 1'000'000), Contains("ids are from 0 to "));
    const std::vector<Tokens> known = {{.ids = {demo.tokenizer().vocabulary_size() - 1}}};
    CHECK(demo.encode_tokens(known).rows() == 1);
  }
}

TEST_CASE("counts that are no part of a text are refused", "[model]") {
  const TinyModel tiny;
  for (const int pooled :
       {-1, 3, std::numeric_limits<int>::max(), std::numeric_limits<int>::min()}) {
    const std::vector<Tokens> texts = {{.ids = {65, 66}, .pooled = pooled}};
    const Error error = error_of([&] { tiny.model.encode_tokens(texts); });
    CHECK(error.kind() == ErrorKind::invalid_argument);
    CHECK_THAT(error.what(), Contains("tokens of text 0: " + std::to_string(pooled)));
  }
  const std::vector<Tokens> none = {{}};
  CHECK_THAT(error_of([&] { tiny.model.encode_tokens(none); }).what(), Contains("without ids"));
}

TEST_CASE("a malformed image is an invalid argument", "[model]") {
  const TinyModel tiny;
  Image image = plain_image(8, 8, 0);
  image.pixels.pop_back();
  CHECK(error_of([&] { tiny.model.encode_images(std::vector<Image>{image}); }).kind() ==
        ErrorKind::invalid_argument);
}

TEST_CASE("a graph that gives another size than the manifest says is refused", "[model]") {
  const Scratch folder;
  write_tiny_model(folder.path());
  edit_manifest(folder.path(), [](nlohmann::json& m) { m["embedding_dim"] = 1280; });
  const Model model = Model::load(folder.path(), {.device = "cpu"});
  const Error error =
      error_of([&] { model.encode_images(std::vector<Image>{plain_image(8, 8, 0)}); });
  CHECK(error.kind() == ErrorKind::bad_model);
  CHECK_THAT(error.what(), Contains("vision.pt") && Contains("[1, 96]") && Contains("[1, 1280]"));
}

TEST_CASE("equal texts are encoded once and have the same row each", "[model]") {
  const TinyModel tiny;
  const std::vector<std::string> texts = {"a dog", "a cat", "a dog", "a horse", "a dog", "a cat"};
  std::size_t encoded = 0;
  std::size_t done = 0;
  set_log_callback(
      [&](LogLevel, std::string_view line) {
        const std::string_view batch = "batch of ";
        if (line.starts_with(batch)) encoded += std::stoul(std::string(line.substr(batch.size())));
      },
      LogLevel::debug);
  EncodeOptions options;
  options.progress = [&](std::size_t count) {
    done = count;
    return true;
  };
  const Embeddings rows = tiny.model.encode_texts(texts, options);
  set_log_callback({});
  CHECK(encoded == 3);
  CHECK(done == texts.size());
  CHECK(row(rows, 0) == row(rows, 2));
  CHECK(row(rows, 0) == row(rows, 4));
  CHECK(row(rows, 1) == row(rows, 5));
  for (const std::size_t i : {0, 1, 3}) {
    const Embeddings alone = tiny.model.encode_texts(std::vector<std::string>{texts[i]});
    CHECK(cosine(rows[i], alone[0]) == Approx(1));
  }
}
