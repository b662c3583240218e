// Times an image's way to the network on one core, for bench/run.
//
//   image_bench decode|resize|preprocess FILE [SIDE] [--seconds S]
//
// decode: read_image; resize: resize_and_crop of the decoded image; preprocess: both, and the
// normalized pixels. Prints {"seconds_per_call": X, "calls": N}, in CPU time.

#include <CLI/CLI.hpp>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cpu_time.h"
#include "llm2clip/image.h"
#include "llm2clip/preprocess.h"

namespace {

using namespace llm2clip;
using bench::cpu_seconds;

std::function<void()> stage(const std::string& name, const std::string& file, int side) {
  const PreprocessOptions options{.image_size = side};
  if (name == "decode") return [file] { read_image(file); };
  if (name == "resize") {
    return [image = read_image(file), options] { resize_and_crop(image, options); };
  }
  std::vector<float> pixels(static_cast<std::size_t>(3 * side * side));
  return [file, options, pixels]() mutable { preprocess(read_image(file), options, pixels); };
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Times an image's way to the network on one core");
  std::string name;
  std::string file;
  int side = 224;
  double seconds = 3;
  app.add_option("stage", name)
      ->required()
      ->check(CLI::IsMember({"decode", "resize", "preprocess"}));
  app.add_option("file", file)->required();
  app.add_option("side", side);
  app.add_option("--seconds", seconds);
  CLI11_PARSE(app, argc, argv);
  try {
    const auto run = stage(name, file, side);
    run();
    int calls = 0;
    const double begin = cpu_seconds();
    double end = begin;
    for (; end < begin + seconds; end = cpu_seconds()) {
      run();
      ++calls;
    }
    const nlohmann::ordered_json result = {{"seconds_per_call", (end - begin) / calls},
                                           {"calls", calls}};
    std::cout << result.dump() << '\n';
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
