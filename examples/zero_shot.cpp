// Which of the labels does an image show?
//   zero_shot MODEL IMAGE LABEL LABEL...
#include <llm2clip/llm2clip.h>

#include <cstdio>
#include <exception>

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr, "usage: zero_shot MODEL IMAGE LABEL LABEL...\n");
    return 2;
  }
  try {
    const std::vector<std::string> labels(argv + 3, argv + argc);
    const std::vector<std::string> templates = {"a photo of a {}."};
    const auto model = llm2clip::Model::load(argv[1]);
    const auto classifier = llm2clip::Classifier::from_labels(model, labels, templates);

    const std::vector<llm2clip::Image> images = {llm2clip::read_image(argv[2])};
    const auto cosines = llm2clip::cosines(model.encode_images(images), classifier.embeddings());
    const auto scores = llm2clip::softmax(cosines[0], model.info().score_scale);
    for (const auto& match : llm2clip::top_k(scores, labels.size())) {
      std::printf("%.4f  %s\n", match.score, labels[match.index].c_str());
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
