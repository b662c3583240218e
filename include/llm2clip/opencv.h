#pragma once

// For programs that live in OpenCV: its matrices as images and back. Not part of llm2clip.h,
// because it needs OpenCV's headers and its library opencv_core, which llm2clip itself does
// without.

#include <opencv2/core.hpp>
#include <string>

#include "llm2clip/error.h"
#include "llm2clip/image.h"

namespace llm2clip {

/// The pixels of a matrix without a copy. They belong to the matrix: use the view while its data
/// lives. Any stride and part of a larger matrix will do. What a type stands for:
///
///   CV_8UC1   gray, 8 bits            CV_16UC1  gray, 16 bits
///   CV_8UC3   BGR                     CV_32SC1  Pillow's mode I
///   CV_8UC4   BGRA                    CV_32FC1  Pillow's mode F
///
/// Throws Error(invalid_argument) for other types, naming the matrix's, for an empty matrix and for
/// one of more than two dimensions.
inline ImageView view_of(const cv::Mat& mat) {
  const auto refuse = [](const std::string& message) {
    throw Error(ErrorKind::invalid_argument, "cv::Mat: " + message);
  };
  if (mat.dims > 2) refuse("has " + std::to_string(mat.dims) + " dimensions, 2 are expected");
  if (mat.empty()) refuse("is empty");
  ImageView view{.width = mat.cols, .height = mat.rows};
  view.stride = static_cast<std::ptrdiff_t>(mat.step[0]);
  view.pixels = {mat.data, static_cast<std::size_t>(mat.rows - 1) * mat.step[0] +
                               static_cast<std::size_t>(mat.cols) * mat.elemSize()};
  view.channels = ChannelOrder::bgr;
  switch (mat.type()) {
    case CV_8UC1:
      view.mode = ImageMode::gray;
      break;
    case CV_8UC3:
      view.mode = ImageMode::rgb;
      break;
    case CV_8UC4:
      view.mode = ImageMode::rgba;
      break;
    case CV_16UC1:
      view.mode = ImageMode::gray16;
      break;
    case CV_32SC1:
      view.mode = ImageMode::int32;
      break;
    case CV_32FC1:
      view.mode = ImageMode::float32;
      break;
    default:
      refuse("is of type " + cv::typeToString(mat.type()) + " with " +
             std::to_string(mat.channels()) +
             " channels; CV_8UC1, CV_8UC3 (BGR), CV_8UC4 (BGRA), CV_16UC1, CV_32SC1 or CV_32FC1 is "
             "expected");
  }
  return view;
}

/// The same as a copy that owns its pixels, red first.
inline Image to_image(const cv::Mat& mat) { return to_image(view_of(mat)); }

/// A matrix with the pixels of an image, copied, of the type that view_of reads and what imread
/// gives for such a file: blue first. A bilevel image becomes gray.
/// Throws Error(invalid_argument) for the modes that OpenCV has no type for (gray_alpha, palette,
/// cmyk: call to_rgb first), and for an image whose size and pixels disagree.
inline cv::Mat to_mat(const ImageView& image) {
  int type = CV_8UC1;
  switch (image.mode) {
    case ImageMode::bilevel:
    case ImageMode::gray:
      break;
    case ImageMode::rgb:
      type = CV_8UC3;
      break;
    case ImageMode::rgba:
      type = CV_8UC4;
      break;
    case ImageMode::gray16:
      type = CV_16UC1;
      break;
    case ImageMode::int32:
      type = CV_32SC1;
      break;
    case ImageMode::float32:
      type = CV_32FC1;
      break;
    default:
      throw Error(ErrorKind::invalid_argument,
                  "image: OpenCV has no type for gray with alpha, palettes and CMYK; call to_rgb "
                  "first");
  }
  Image packed = to_image(image);
  const cv::Mat red_first(packed.height, packed.width, type, packed.pixels.data());
  cv::Mat mat(packed.height, packed.width, type);
  if (mat.channels() < 3) {
    red_first.copyTo(mat);
  } else {
    const int pairs[] = {0, 2, 1, 1, 2, 0, 3, 3};
    cv::mixChannels(&red_first, 1, &mat, 1, pairs, static_cast<std::size_t>(mat.channels()));
  }
  return mat;
}

}  // namespace llm2clip
