#include "text/prompt.h"

#include <algorithm>

#include "text/utf8.h"

namespace llm2clip {
namespace {

// str.isspace(): the set of \s and the four information separators.
bool is_python_space(std::uint32_t c) {
  if (c < 0x80) return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

// Python's text.split(separator): "".join(parts), and parts[1] if there is one. `literal` is the
// part of `text` that the prompt does not bring.
PromptedText split_at(std::string_view separator, std::string_view text, LiteralBytes literal) {
  PromptedText result;
  std::size_t begin = 0;
  for (int part = 0;; ++part) {
    const std::size_t end = std::min(text.find(separator, begin), text.size());
    const auto within = [&](std::size_t at) { return std::clamp(at, begin, end) - begin; };
    const std::string_view piece = text.substr(begin, end - begin);
    result.seen += piece;
    result.seen_text.begin += within(literal.begin);
    result.seen_text.end += within(literal.end);
    if (part == 1) {
      result.pooled = piece;
      result.pooled_text = {.begin = within(literal.begin), .end = within(literal.end)};
    }
    if (end == text.size()) return result;
    begin = end + separator.size();
  }
}

// The next item of Python's text.split(), taken off `text`; empty at the end.
std::string_view next_word(std::string_view& text) {
  std::size_t start = 0;
  while (start < text.size()) {
    const CodePoint c = first_code_point(text.substr(start));
    if (!is_python_space(c.value)) break;
    start += c.size;
  }
  std::size_t end = start;
  while (end < text.size()) {
    const CodePoint c = first_code_point(text.substr(end));
    if (is_python_space(c.value)) break;
    end += c.size;
  }
  const std::string_view word = text.substr(start, end - start);
  text.remove_prefix(end);
  return word;
}

}  // namespace

Prompt llama3_prompt() {
  return {.prefix = "<|start_header_id|>user<|end_header_id|>\n\n", .suffix = "<|eot_id|>"};
}

std::string_view strip(std::string_view text) {
  while (!text.empty()) {
    const CodePoint first = first_code_point(text);
    if (!is_python_space(first.value)) break;
    text.remove_prefix(first.size);
  }
  while (!text.empty()) {
    const CodePoint last = last_code_point(text);
    if (!is_python_space(last.value)) break;
    text.remove_suffix(last.size);
  }
  return text;
}

std::size_t count_words(std::string_view text) {
  std::size_t count = 0;
  while (!next_word(text).empty()) ++count;
  return count;
}

std::string first_words(std::string_view text, std::size_t count) {
  std::string joined;
  for (std::size_t word = 0; word < count; ++word) {
    const std::string_view piece = next_word(text);
    if (piece.empty()) break;
    if (word > 0) joined += ' ';
    joined += piece;
  }
  return joined;
}

PromptedText apply_prompt(const Prompt& prompt, std::string_view text) {
  // The separator goes first, so stripping takes white space from the end of the text only.
  const std::string instructed = prompt.separator + std::string(text);
  // For a base model without a template llm2vec returns the text as it is.
  const bool has_template = !prompt.prefix.empty() || !prompt.suffix.empty();
  if (!has_template) return split_at(prompt.separator, instructed, {0, instructed.size()});
  std::string prepared = prompt.prefix;
  prepared += strip(instructed);
  const LiteralBytes literal = {.begin = prompt.prefix.size(), .end = prepared.size()};
  prepared += prompt.suffix;
  return split_at(prompt.separator, prepared, literal);
}

}  // namespace llm2clip
