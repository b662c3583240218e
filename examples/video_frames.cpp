// Frames of a camera or a film, each with the prompt it fits best.
//   video_frames MODEL SOURCE PROMPT PROMPT...
// SOURCE is what cv::VideoCapture opens: a camera's number, a film, or images ("frame_%03d.png").
#include <llm2clip/llm2clip.h>
#include <llm2clip/opencv.h>

#include <cstdio>
#include <exception>
#include <opencv2/videoio.hpp>

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr, "usage: video_frames MODEL SOURCE PROMPT PROMPT...\n");
    return 2;
  }
  try {
    const std::vector<std::string> prompts(argv + 3, argv + argc);
    const auto model = llm2clip::Model::load(argv[1]);
    const auto rows = model.encode_texts(prompts);

    const std::string source = argv[2];
    const bool is_camera = source.find_first_not_of("0123456789") == std::string::npos;
    cv::VideoCapture video =
        is_camera ? cv::VideoCapture(std::stoi(source)) : cv::VideoCapture(source);
    cv::Mat frame;
    for (int number = 0; video.read(frame); ++number) {
      const std::vector<llm2clip::ImageView> images = {llm2clip::view_of(frame)};  // no copy
      const auto cosines = llm2clip::cosines(model.encode_images(images), rows);
      const auto best = llm2clip::top_k(cosines[0], 1)[0];
      std::printf("%d  %.4f  %s\n", number, best.score, prompts[best.index].c_str());
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
