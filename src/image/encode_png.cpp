#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "check.h"
#include "llm2clip/error.h"
#include "llm2clip/image.h"

namespace llm2clip {

std::vector<std::uint8_t> encode_png(const Image& image) {
  const auto width = static_cast<std::size_t>(image.width);
  const auto height = static_cast<std::size_t>(image.height);
  if (image.mode != ImageMode::rgb || image.width < 1 || image.height < 1 ||
      image.pixels.size() != width * height * 3) {
    throw Error(ErrorKind::invalid_argument, "image: RGB pixels of its width and height expected");
  }
  try {
    // OpenCV only reads through this pointer.
    const cv::Mat rgb(image.height, image.width, CV_8UC3,
                      const_cast<std::uint8_t*>(image.pixels.data()));
    cv::Mat bgr;
    cv::cvtColor(rgb, bgr, cv::COLOR_RGB2BGR);
    std::vector<std::uint8_t> bytes;
    LLM2CLIP_CHECK(cv::imencode(".png", bgr, bytes));
    return bytes;
  } catch (const cv::Exception& error) {
    throw Error(ErrorKind::invalid_argument, "image: cannot be written as PNG: " + error.err);
  }
}

}  // namespace llm2clip
