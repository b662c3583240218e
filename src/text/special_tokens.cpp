#include "text/special_tokens.h"

#include <algorithm>
#include <utility>

namespace llm2clip {
namespace {

// The byte of `content` at `depth`; less than any byte where it ends, as std::string orders them.
int byte_at(const std::string& content, std::size_t depth) {
  return depth < content.size() ? static_cast<unsigned char>(content[depth]) : -1;
}

}  // namespace

SpecialTokenFinder::SpecialTokenFinder(std::vector<SpecialToken> tokens)
    : tokens_(std::move(tokens)) {
  std::sort(tokens_.begin(), tokens_.end(),
            [](const SpecialToken& a, const SpecialToken& b) { return a.content < b.content; });
  for (const SpecialToken& token : tokens_) {
    if (!first_bytes_.ends_with(token.content[0])) first_bytes_ += token.content[0];
  }
}

SpecialMatch SpecialTokenFinder::find(std::string_view text, std::size_t from) const {
  while ((from = text.find_first_of(first_bytes_, from)) != std::string_view::npos) {
    const SpecialMatch match = longest_at(text, from);
    if (match.begin != std::string_view::npos) return match;
    ++from;
  }
  return {};
}

// Byte by byte narrows the sorted contents to those that the text continues with.
SpecialMatch SpecialTokenFinder::longest_at(std::string_view text, std::size_t at) const {
  SpecialMatch longest;
  auto first = tokens_.begin();
  auto last = tokens_.end();
  for (std::size_t depth = 0; first != last; ++depth) {
    if (first->content.size() == depth) longest = {at, depth, first->id};
    if (at + depth == text.size()) break;
    const int byte = static_cast<unsigned char>(text[at + depth]);
    first = std::partition_point(first, last, [&](const SpecialToken& token) {
      return byte_at(token.content, depth) < byte;
    });
    last = std::partition_point(first, last, [&](const SpecialToken& token) {
      return byte_at(token.content, depth) == byte;
    });
  }
  return longest;
}

}  // namespace llm2clip
