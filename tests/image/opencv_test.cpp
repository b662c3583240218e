// Matrices of OpenCV and images are each other's bits: what imread makes of a file and what
// read_image makes of it.

#include "llm2clip/opencv.h"

#include <cstring>
#include <fstream>
#include <opencv2/imgcodecs.hpp>

#include "llm2clip/preprocess.h"
#include "support/error.h"
#include "support/scratch.h"

namespace llm2clip {
namespace {

using testing::error_of;
using testing::Scratch;

constexpr ImageMode kModesOfFiles[] = {ImageMode::gray, ImageMode::rgb, ImageMode::rgba,
                                       ImageMode::gray16};

Image some_image(ImageMode mode, int width, int height) {
  Image image{.width = width, .height = height, .mode = mode};
  image.pixels.resize(static_cast<std::size_t>(width * height) * bytes_per_pixel(mode));
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    image.pixels[i] = static_cast<std::uint8_t>(i * 37 + i / 64 * 11);
  }
  return image;
}

void check_equal(const Image& a, const Image& b) {
  CHECK(a.width == b.width);
  CHECK(a.height == b.height);
  CHECK(a.mode == b.mode);
  CHECK((a.pixels == b.pixels));
}

void check_equal(const cv::Mat& a, const cv::Mat& b) {
  REQUIRE(a.type() == b.type());
  REQUIRE(a.size() == b.size());
  CHECK(std::memcmp(a.data, b.data, a.total() * a.elemSize()) == 0);
}

std::string refusal_of(const cv::Mat& mat) {
  const Error error = error_of([&] { view_of(mat); });
  CHECK(error.kind() == ErrorKind::invalid_argument);
  return error.what();
}

}  // namespace

TEST_CASE("what imread reads is what read_image reads", "[opencv]") {
  const Scratch scratch;
  ReadOptions keep;
  keep.keep_mode = true;
  for (const ImageMode mode : kModesOfFiles) {
    INFO("mode " << static_cast<int>(mode));
    const auto path = scratch / "image.png";
    const std::vector<std::uint8_t> png = encode_png(some_image(mode, 45, 31));
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(png.data()), static_cast<std::streamsize>(png.size()));
    const Image image = read_image(path, keep);
    const cv::Mat mat = cv::imread(path.string(), cv::IMREAD_UNCHANGED);
    REQUIRE(image.mode == mode);
    check_equal(to_image(mat), image);
    check_equal(to_mat(image), mat);
    for (const PreprocessOrder order : {PreprocessOrder::hf, PreprocessOrder::torchvision}) {
      const PreprocessOptions options{.image_size = 16, .order = order};
      check_equal(resize_and_crop(view_of(mat), options), resize_and_crop(image, options));
    }
  }
}

TEST_CASE("files of Pillow and of cameras are read alike too", "[opencv]") {
  for (const char* name : {"image_000.png", "image_002.png"}) {
    const std::string path = std::string("tests/data/unseen/") + name;
    check_equal(to_image(cv::imread(path, cv::IMREAD_COLOR)), read_image(path));
  }
}

TEST_CASE("a part of a matrix is a view of that part", "[opencv]") {
  for (const int type : {CV_8UC1, CV_8UC3, CV_8UC4, CV_16UC1, CV_32SC1, CV_32FC1}) {
    INFO(cv::typeToString(type));
    cv::Mat whole(40, 50, type);
    cv::randu(whole, 0, 255);
    const cv::Mat part = whole(cv::Rect(7, 5, 21, 30));
    REQUIRE_FALSE(part.isContinuous());
    const ImageView view = view_of(part);
    CHECK(view.pixels.data() == part.data);
    check_equal(to_image(part), to_image(part.clone()));
    check_equal(to_mat(view), part.clone());
    const PreprocessOptions options{.image_size = 9, .order = PreprocessOrder::torchvision};
    check_equal(resize_and_crop(view, options), resize_and_crop(to_image(part), options));
  }
}

TEST_CASE("bits of numbers survive", "[opencv]") {
  cv::Mat floats(1, 3, CV_32FC1);
  floats.at<float>(0, 0) = -0.0f;
  floats.at<float>(0, 1) = 1e30f;
  floats.at<float>(0, 2) = std::numeric_limits<float>::quiet_NaN();
  CHECK(to_image(floats).mode == ImageMode::float32);
  check_equal(to_mat(to_image(floats)), floats);
  Image bilevel = some_image(ImageMode::bilevel, 3, 1);
  bilevel.pixels = {0, 255, 0};
  check_equal(to_mat(bilevel), (cv::Mat_<std::uint8_t>(1, 3) << 0, 255, 0));
}

TEST_CASE("a matrix that is no image is refused with its type", "[opencv]") {
  CHECK(refusal_of(cv::Mat(4, 4, CV_64FC3)).find("CV_64FC3 with 3 channels") != std::string::npos);
  CHECK(refusal_of(cv::Mat(4, 4, CV_8UC2)).find("CV_8UC2") != std::string::npos);
  CHECK(refusal_of(cv::Mat(4, 4, CV_16UC3)).find("CV_16UC3") != std::string::npos);
  CHECK(refusal_of(cv::Mat()).find("empty") != std::string::npos);
  const int sizes[] = {2, 3, 4};
  CHECK(refusal_of(cv::Mat(3, sizes, CV_8UC1)).find("3 dimensions") != std::string::npos);
}

TEST_CASE("an image that is no matrix is refused", "[opencv]") {
  for (const ImageMode mode : {ImageMode::gray_alpha, ImageMode::palette, ImageMode::cmyk}) {
    const Error error = error_of([&] { to_mat(some_image(mode, 3, 2)); });
    CHECK(error.kind() == ErrorKind::invalid_argument);
    CHECK(std::string(error.what()).find("to_rgb") != std::string::npos);
  }
  Image broken = some_image(ImageMode::rgb, 3, 2);
  broken.pixels.pop_back();
  CHECK(error_of([&] { to_mat(broken); }).kind() == ErrorKind::invalid_argument);
}

}  // namespace llm2clip
