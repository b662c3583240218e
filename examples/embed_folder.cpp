// The images of a folder as rows of a .npy file, as fast as the command line: reading, decoding and
// resizing overlap with the network. Stopped at any point and started again, it goes on.
//   embed_folder MODEL FOLDER OUTPUT.npy
#include <llm2clip/llm2clip.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <vector>

namespace fs = std::filesystem;

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: embed_folder MODEL FOLDER OUTPUT.npy\n");
    return 2;
  }
  try {
    std::vector<fs::path> paths;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(argv[2])) {
      if (entry.is_regular_file()) paths.push_back(entry.path());
    }
    std::sort(paths.begin(), paths.end());  // the same order on every run

    // How many there are decides how far the network is prepared for them.
    const auto model =
        llm2clip::Model::load(argv[1], {.text = false, .expected_inputs = paths.size()});
    llm2clip::Run run(argv[3], {.existing = llm2clip::Existing::resume,
                                .dim = model.info().dim,
                                .provenance = {{"manifest_sha256", model.info().manifest_sha256}}});
    llm2clip::EmbedOptions options;
    options.failed = [](const llm2clip::Outcome& outcome) {
      std::fprintf(stderr, "%s\n", outcome.failure->message.c_str());
    };
    llm2clip::embed_images(model, paths, run, options);
    const llm2clip::RunSummary done = run.finish();
    std::printf("%llu embedded, %llu failed\n", static_cast<unsigned long long>(done.embedded),
                static_cast<unsigned long long>(done.failed));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
