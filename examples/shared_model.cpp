// Threads that share one model: weights are in memory once, and calls take turns.
//   shared_model MODEL THREADS TEXT...
#include <llm2clip/llm2clip.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <thread>

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: shared_model MODEL THREADS TEXT...\n");
    return 2;
  }
  try {
    const auto model = llm2clip::Model::load(argv[1], {.vision = false});
    const std::vector<std::string> texts(argv + 3, argv + argc);

    // Each thread embeds all texts; a real server would give each thread a request of its own.
    std::vector<llm2clip::Embeddings> rows(std::stoul(argv[2]));
    {
      std::vector<std::jthread> threads;
      for (auto& mine : rows) {
        threads.emplace_back([&model, &texts, &mine] { mine = model.encode_texts(texts); });
      }
    }
    const bool equal = std::all_of(rows.begin(), rows.end(), [&](const auto& mine) {
      return std::ranges::equal(mine.values(), rows[0].values());
    });
    std::printf("%zu threads, %zu texts, %s\n", rows.size(), texts.size(),
                equal ? "equal rows" : "different rows");
    return equal ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
