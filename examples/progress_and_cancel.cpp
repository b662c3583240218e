// A long call that tells how far it is, and stops when it is told to.
//   progress_and_cancel MODEL TEXTS STOP_AFTER
#include <llm2clip/llm2clip.h>

#include <cstdio>
#include <exception>

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: progress_and_cancel MODEL TEXTS STOP_AFTER\n");
    return 2;
  }
  try {
    const std::vector<std::string> texts(std::stoul(argv[2]), "a red circle");
    const std::size_t stop_after = std::stoul(argv[3]);
    const auto model = llm2clip::Model::load(argv[1], {.vision = false});

    llm2clip::EncodeOptions options;
    options.batch_tokens = 64;  // small batches: the callback comes after each
    options.progress = [&](std::size_t done) {
      std::printf("%zu of %zu\n", done, texts.size());
      return done < stop_after;
    };
    try {
      model.encode_texts(texts, options);
      std::printf("done\n");
    } catch (const llm2clip::Error& error) {
      if (error.kind() != llm2clip::ErrorKind::cancelled) throw;
      std::printf("stopped: %s\n", error.what());
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
