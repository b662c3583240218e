// An application with an OpenCV of its own: reads with cv::imread, hands the pixels over.
#include <llm2clip/llm2clip.h>
#include <llm2clip/opencv.h>

#include <algorithm>
#include <iostream>
#include <opencv2/imgcodecs.hpp>

int main(int, char** arguments) {
  const cv::Mat frame = cv::imread(arguments[2], cv::IMREAD_COLOR);
  const auto model = llm2clip::Model::load(arguments[1]);
  const auto ours = model.encode_images(std::vector{llm2clip::read_image(arguments[2])});
  const auto theirs = model.encode_images(std::vector{llm2clip::view_of(frame)});
  const auto copied = model.encode_images(std::vector{llm2clip::to_image(frame)});
  std::cout << (std::ranges::equal(ours.values(), theirs.values()) &&
                std::ranges::equal(ours.values(), copied.values()));
}
