// The examples in the comments of the public headers, as they stand there: tests/CMakeLists.txt
// takes each out of its header, and refuses one that is not included here.

#include <array>
#include <filesystem>
#include <iostream>

#include "llm2clip/detail/command_line.h"
#include "llm2clip/llm2clip.h"
#include "support/catch.h"
#include "support/scratch.h"

using namespace llm2clip;

namespace {

namespace fs = std::filesystem;

// Examples read and write where they are run: an empty folder beside the models.
class Workplace {
 public:
  Workplace() : before_(fs::current_path()) {
    fs::create_directory_symlink(before_ / "models", folder_ / "models");
    fs::create_symlink(before_ / "models/demo/tokenizer.json", folder_ / "tokenizer.json");
    fs::current_path(folder_.path());
  }
  ~Workplace() { fs::current_path(before_); }

 private:
  fs::path before_;
  testing::Scratch folder_;
};

std::vector<Image> two_images() {
  std::vector<Image> images;
  for (const std::uint8_t gray : {std::uint8_t{20}, std::uint8_t{200}}) {
    Image image{.width = 8, .height = 6};
    image.pixels.assign(8 * 6 * 3, gray);
    images.push_back(image);
  }
  return images;
}

TEST_CASE("the example of Model runs", "[header_examples]") {
  const Workplace workplace;
  const std::vector<Image> images = two_images();
#include "header_examples/model_1.inc"
  CHECK(image_rows.rows() == 2);
  CHECK(score >= -1.0001f);
  CHECK(score <= 1.0001f);
}

TEST_CASE("the example of Inputs compiles", "[header_examples]") {
  const Workplace workplace;
  const Model model = Model::load("models/demo");
  const std::vector<std::string> captions = {"a red circle"};
#include "header_examples/inputs_1.inc"
}

TEST_CASE("the example of ImageView runs", "[header_examples]") {
  const std::vector<std::uint8_t> camera_bytes(480 * 2048, 77);
#include "header_examples/image_1.inc"
  CHECK(seen.width == 224);
  CHECK(seen.pixels[0] == 77);
}

TEST_CASE("the example of Film compiles, and ends where there is no film", "[header_examples]") {
  const Workplace workplace;
  const auto example = [] {
#include "header_examples/film_1.inc"
  };
  CHECK_THROWS_AS(example(), Error);
}

TEST_CASE("the example of Classifier runs", "[header_examples]") {
  const Workplace workplace;
  const Model model = Model::load("models/demo");
  const std::vector<Image> images = two_images();
#include "header_examples/classifier_1.inc"
  CHECK(scores.rows() == 2);
  CHECK(scores.dim() == 2);
}

TEST_CASE("the example of evaluate_retrieval runs", "[header_examples]") {
  const Embeddings image_rows(2, 2, {1, 0, 0, 1});
  const Embeddings text_rows(3, 2, {1, 0, 0.8f, 0.6f, 0.6f, 0.8f});
#include "header_examples/evaluate_1.inc"
  CHECK(scores.text_to_image.recall_at_1 == 1);
}

TEST_CASE("the example of Tokenizer runs", "[header_examples]") {
  const Workplace workplace;
#include "header_examples/tokenizer_1.inc"
  CHECK(tokens.ids.size() > 2);
}

TEST_CASE("the example of NpyWriter runs", "[header_examples]") {
  const Workplace workplace;
  const std::vector<float> pixels(3 * 224 * 224);
#include "header_examples/embeddings_file_1.inc"
  CHECK(fs::file_size("pixels.npy") == 256 + pixels.size() * sizeof(float));
}

TEST_CASE("the example of Run runs", "[header_examples]") {
  const Workplace workplace;
  const std::vector<std::pair<std::string, std::string>> provenance = {{"model", "demo"}};
  const std::string path = "a.jpg", content = "its bytes";
  const std::vector<float> row(1280);
#include "header_examples/run_1.inc"
  CHECK(fs::exists("rows.npy"));
  CHECK_FALSE(fs::exists("rows.npy.run"));
}

TEST_CASE("the example of an index runs", "[header_examples]") {
  const Workplace workplace;
  const std::vector<float> row(1280, 0.5f);
  const Embeddings queries(1, 1280, row);
#include "header_examples/index_1.inc"
  CHECK(index.rows() == 1);
}

TEST_CASE("the examples of embed_images and of its sinks run", "[header_examples]") {
  const Workplace workplace;
  const Model model = Model::load("models/demo", {.text = false});
  const std::vector<std::pair<std::string, std::string>> provenance = {{"model", "demo"}};
  std::vector<fs::path> paths;
  for (const Image& image : two_images()) {
    paths.push_back("image" + std::to_string(paths.size()) + ".png");
    detail::write_file(paths.back(), encode_png(image));
  }
  {
#include "header_examples/embed_1.inc"
    CHECK(done.embedded == 2);
    CHECK(fs::exists("rows.npy"));
  }
#include "header_examples/embed_2.inc"
  CHECK(rows.rows() == 2);
  CHECK(embedded == 2);
}

}  // namespace
