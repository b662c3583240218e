// An album's vectors are computed once and saved; afterwards words find images in them.
//   album_search save MODEL ROWS.safetensors IMAGE...
//   album_search find MODEL ROWS.safetensors QUERY
#include <llm2clip/llm2clip.h>

#include <cstdio>
#include <exception>

namespace {

void save(const std::string& directory, const std::string& vectors,
          const std::vector<std::string>& paths) {
  // The text part, by far the larger one, stays on the disk.
  const auto model = llm2clip::Model::load(directory, {.text = false});
  // A bad image is told and left out; an album always has one.
  std::vector<llm2clip::Image> images;
  std::vector<std::string> ids;
  for (const std::string& path : paths) {
    try {
      images.push_back(llm2clip::read_image(path));
      ids.push_back(path);
    } catch (const llm2clip::Error& error) {
      std::fprintf(stderr, "left out: %s\n", error.what());
    }
  }
  llm2clip::write_embeddings(vectors, {.embeddings = model.encode_images(images),
                                       .ids = ids,
                                       .provenance = {{"model", model.info().name}}});
  std::printf("%zu images saved\n", ids.size());
}

void find(const std::string& directory, const std::string& vectors, const std::string& query) {
  const auto album = llm2clip::read_embeddings(vectors);
  const auto model = llm2clip::Model::load(directory, {.vision = false});
  const std::vector<std::string> texts = {query};
  const auto cosines = llm2clip::cosines(model.encode_texts(texts), album.embeddings);
  for (const auto& match : llm2clip::top_k(cosines[0], 3)) {
    std::printf("%.4f  %s\n", match.score, album.ids[match.index].c_str());
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  try {
    if (arguments.size() >= 4 && arguments[0] == "save") {
      save(arguments[1], arguments[2], {arguments.begin() + 3, arguments.end()});
    } else if (arguments.size() == 4 && arguments[0] == "find") {
      find(arguments[1], arguments[2], arguments[3]);
    } else {
      std::fprintf(stderr, "usage: album_search save|find MODEL ROWS.safetensors ...\n");
      return 2;
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
