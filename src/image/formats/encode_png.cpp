#include <new>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <string>

#include "base/errors_only.h"
#include "llm2clip/error.h"
#include "llm2clip/image.h"

namespace llm2clip {
namespace {

constexpr int kMostOnASide = 1'000'000;  // libpng's own limit, which it prints about

// OpenCV allocates on its own, and says so in a code.
std::vector<std::uint8_t> encode(const Image& image) {
  try {
    // OpenCV only reads through this pointer.
    const cv::Mat rgb(image.height, image.width, CV_8UC3,
                      const_cast<std::uint8_t*>(image.pixels.data()));
    cv::Mat bgr;
    cv::cvtColor(rgb, bgr, cv::COLOR_RGB2BGR);
    std::vector<std::uint8_t> bytes;
    if (cv::imencode(".png", bgr, bytes)) return bytes;
  } catch (const cv::Exception& error) {
    if (error.code == cv::Error::StsNoMem) throw std::bad_alloc();
    throw Error(ErrorKind::invalid_argument, "image: cannot be written as PNG: " + error.err);
  }
  throw Error(ErrorKind::invalid_argument, "image: cannot be written as PNG");
}

}  // namespace

std::vector<std::uint8_t> encode_png(const Image& image) {
  const auto width = static_cast<std::size_t>(image.width);
  const auto height = static_cast<std::size_t>(image.height);
  if (image.mode != ImageMode::rgb || image.width < 1 || image.height < 1 ||
      image.pixels.size() != width * height * 3) {
    throw Error(ErrorKind::invalid_argument, "image: RGB pixels of its width and height expected");
  }
  if (image.width > kMostOnASide || image.height > kMostOnASide) {
    throw Error(ErrorKind::invalid_argument, "image: is " + std::to_string(image.width) + "x" +
                                                 std::to_string(image.height) +
                                                 ", more than a PNG file may have on a side");
  }
  return errors_only("image", [&] { return encode(image); });
}

}  // namespace llm2clip
