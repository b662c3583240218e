// Five lines of a user: which label fits an image best.
#include <llm2clip/llm2clip.h>

#include <iostream>

int main(int, char** arguments) {
  const auto model = llm2clip::Model::load(arguments[1]);
  const std::vector<std::string> labels = {"red circle", "brown ring"};
  const auto bank = llm2clip::Classifier::from_labels(model, labels);
  const auto rows = model.encode_images(std::vector{llm2clip::read_image(arguments[2])});
  std::cout << labels[llm2clip::top_k(llm2clip::cosines(rows, bank.embeddings())[0], 1)[0].index];
}
