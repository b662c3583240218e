// An application with an OpenCV of its own: reads with cv::imread, hands the pixels over.
#include <llm2clip/llm2clip.h>

#include <cstring>
#include <iostream>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

int main(int, char** arguments) {
  cv::Mat frame = cv::imread(arguments[2], cv::IMREAD_COLOR);
  cv::cvtColor(frame, frame, cv::COLOR_BGR2RGB);
  llm2clip::Image image{.width = frame.cols, .height = frame.rows};
  image.pixels.assign(frame.datastart, frame.dataend);

  const auto model = llm2clip::Model::load(arguments[1]);
  const auto ours = model.encode_images(std::vector{llm2clip::read_image(arguments[2])});
  const auto theirs = model.encode_images(std::vector{image});
  std::cout << llm2clip::cosine(ours[0], theirs[0]);
}
