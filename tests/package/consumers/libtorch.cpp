// An application with tensors of its own, which loads LibTorch before llm2clip: computes, tokenizes
// with a SentencePiece model, runs the networks, and computes again.
#include <ATen/ATen.h>
#include <llm2clip/llm2clip.h>

#include <iostream>

int main(int, char** arguments) {
  const at::Tensor numbers = at::arange(100, at::kFloat);
  const auto tokenizer = llm2clip::Tokenizer::load(arguments[2]);
  const auto ids = tokenizer.encode_raw("a photo of a green star");

  const auto model = llm2clip::Model::load(arguments[1]);
  const auto rows = model.encode_texts(std::vector<std::string>{"a red circle"});
  const at::Tensor row =
      at::from_blob(const_cast<float*>(rows[0].data()), {static_cast<long>(rows.dim())});
  std::cout << ids.size() << ' ' << numbers.sum().item<float>() << ' ' << row.norm().item<float>();
}
