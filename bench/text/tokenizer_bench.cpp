// Times Tokenizer::encode_raw for tokenizer_bench.py, which holds it against the tokenizers
// package.
//
//   tokenizer_bench TOKENIZER FILE...
//
// Reads commands from standard input, a line each, and answers each with one line, the seconds of
// CPU it took and the number of ids:
//   text I     file I as one text
//   lines I    file I line by line, the line ends not part of a text
//   bytes I N  the first N bytes of file I as one text

#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "cpu_time.h"
#include "llm2clip/tokenizer.h"

namespace {

using Texts = std::vector<std::string_view>;

std::string read(const char* name) {
  std::ifstream file(name, std::ios::binary);
  if (!file) throw std::runtime_error(std::string(name) + ": cannot be opened");
  return {std::istreambuf_iterator<char>(file), {}};
}

Texts lines_of(std::string_view text) {
  Texts lines;
  while (!text.empty()) {
    const std::size_t size = text.find('\n');
    lines.push_back(text.substr(0, size));
    text.remove_prefix(size == std::string_view::npos ? text.size() : size + 1);
  }
  return lines;
}

Texts texts_of(const std::string& command, const std::vector<std::string>& files) {
  std::istringstream words(command);
  std::string kind;
  std::size_t file = 0, size = 0;
  words >> kind >> file;
  const std::string_view text = files.at(file);
  if (kind == "lines") return lines_of(text);
  if (kind == "bytes") return {text.substr(0, words >> size ? size : 0)};
  return {text};
}

struct Result {
  double seconds;
  std::size_t ids;
};

Result encode(const llm2clip::Tokenizer& tokenizer, const Texts& texts) {
  const double begin = llm2clip::bench::cpu_seconds();
  std::size_t ids = 0;
  for (const std::string_view text : texts) ids += tokenizer.encode_raw(text).size();
  const double elapsed = llm2clip::bench::cpu_seconds() - begin;
  return {elapsed, ids};
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc < 3) throw std::runtime_error("usage: tokenizer_bench TOKENIZER FILE...");
    const llm2clip::Tokenizer tokenizer = llm2clip::Tokenizer::load(argv[1]);
    std::vector<std::string> files;
    for (int i = 2; i < argc; ++i) files.push_back(read(argv[i]));
    for (std::string command; std::getline(std::cin, command);) {
      const auto [seconds, ids] = encode(tokenizer, texts_of(command, files));
      std::cout << seconds << ' ' << ids << std::endl;
    }
  } catch (const std::exception& error) {
    std::cerr << "tokenizer_bench: " << error.what() << '\n';
    return 1;
  }
}
