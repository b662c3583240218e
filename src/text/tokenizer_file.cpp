#include "text/tokenizer_file.h"

#include <fstream>

#include "llm2clip/error.h"

namespace llm2clip {
namespace {

constexpr std::uintmax_t kLargestFile = 64U << 20;

[[noreturn]] void refuse(const std::string& name, const std::string& what) {
  throw Error(ErrorKind::bad_model, name + ": " + what);
}

bool is_base64(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
         c == '/' || c == '=';
}

// A first line like "IQ== 0": Meta's tokenizer.model.
bool is_tiktoken(std::string_view bytes) {
  const std::string_view line = bytes.substr(0, bytes.find('\n'));
  const std::size_t space = line.find(' ');
  if (space == 0 || space == std::string_view::npos || space + 1 == line.size()) return false;
  for (const char c : line.substr(0, space)) {
    if (!is_base64(c)) return false;
  }
  return line.substr(space + 1).find_first_not_of("0123456789\r") == std::string_view::npos;
}

}  // namespace

std::string read_tokenizer_file(const std::filesystem::path& path) {
  const std::string name = path.string();
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) refuse(name, "there is no such file");
  if (!std::filesystem::is_regular_file(status)) refuse(name, "is not a regular file");
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (error) refuse(name, "cannot be read: " + error.message());
  if (size == 0) refuse(name, "is empty; was it downloaded to its end?");
  if (size > kLargestFile) {
    refuse(name, "has " + std::to_string(size) + " bytes, tokenizers have at most 64 MiB");
  }
  std::string bytes(static_cast<std::size_t>(size), '\0');
  std::ifstream file(path, std::ios::binary);
  if (!file.read(bytes.data(), static_cast<std::streamsize>(size))) {
    refuse(name, "cannot be read to its end");
  }
  return bytes;
}

TokenizerKind kind_of_tokenizer(std::string_view bytes, const std::string& name) {
  const std::string_view content =
      bytes.substr(std::min(bytes.find_first_not_of(" \t\r\n"), bytes.size()));
  if (content.starts_with('{')) return TokenizerKind::byte_level_bpe;
  if (bytes.starts_with("version https://git-lfs")) {
    refuse(name, "is a Git LFS pointer, not the tokenizer; run git lfs pull");
  }
  if (content.starts_with('<')) {
    refuse(name, "is a web page, not a tokenizer; download the file itself");
  }
  if (is_tiktoken(bytes)) {
    refuse(name,
           "is a tiktoken vocabulary (base64 and rank a line), not SentencePiece; use the "
           "tokenizer.json of the same model");
  }
  return TokenizerKind::sentencepiece;
}

}  // namespace llm2clip
