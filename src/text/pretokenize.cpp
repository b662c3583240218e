#include "text/pretokenize.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "text/unicode_tables.h"
#include "text/utf8.h"

namespace llm2clip {
namespace {

struct KnownRegex {
  std::string_view regex;
  SplitPattern pattern;
};

constexpr KnownRegex kKnown[] = {
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     {.longest_number = 3}},
    {R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     {.longest_number = 1}},
};

// What the patterns tell apart. `newline` is [\r\n]; it and `space` together are \s.
enum class CharClass : std::uint8_t { other, letter, number, space, newline };

struct Char {
  CharClass kind = CharClass::other;
  std::size_t size = 0;  // bytes; 0 at the end of the text
};

bool is_in(std::span<const CodePointRange> ranges, std::uint32_t c) {
  const auto after = std::upper_bound(
      ranges.begin(), ranges.end(), c,
      [](std::uint32_t value, const CodePointRange& range) { return value < range.first; });
  return after != ranges.begin() && c <= std::prev(after)->last;
}

CharClass class_of_wide(std::uint32_t c) {
  if (is_in(letter_ranges(), c)) return CharClass::letter;
  if (is_in(number_ranges(), c)) return CharClass::number;
  return is_in(space_ranges(), c) ? CharClass::space : CharClass::other;
}

constexpr CharClass class_of_ascii(unsigned c) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return CharClass::letter;
  if (c >= '0' && c <= '9') return CharClass::number;
  if (c == '\r' || c == '\n') return CharClass::newline;
  return c == ' ' || (c >= 0x09 && c <= 0x0D) ? CharClass::space : CharClass::other;
}

constexpr auto kAsciiClasses = [] {
  std::array<CharClass, 128> classes{};
  for (unsigned c = 0; c < classes.size(); ++c) classes[c] = class_of_ascii(c);
  return classes;
}();

Char char_at(std::string_view text, std::size_t at) {
  if (at >= text.size()) return {};
  const auto byte = static_cast<unsigned char>(text[at]);
  if (byte < 0x80) return {kAsciiClasses[byte], 1};
  const CodePoint c = first_code_point(text.substr(at));
  return {class_of_wide(c.value), c.size};
}

bool is_space(CharClass kind) { return kind == CharClass::space || kind == CharClass::newline; }

// The end of the run of `kind` that begins at `at`.
std::size_t run_end(std::string_view text, std::size_t at, CharClass kind) {
  for (Char c = char_at(text, at); c.size > 0 && c.kind == kind; c = char_at(text, at)) {
    at += c.size;
  }
  return at;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// (?i:'s|'t|'re|'ve|'m|'ll|'d), or 0. Unicode folds one more letter into these: U+017F into s.
std::size_t contraction_size(std::string_view text) {
  if (text.size() < 2 || text[0] != '\'') return 0;
  if (text.substr(1).starts_with("\u017F")) return 3;
  const char first = lower(text[1]);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
  if (text.size() < 3) return 0;
  const char second = lower(text[2]);
  const bool two_letters = (first == 'r' && second == 'e') || (first == 'v' && second == 'e') ||
                           (first == 'l' && second == 'l');
  return two_letters ? 3 : 0;
}

// \p{N}{1,n}
std::size_t number_size(std::string_view text, int longest) {
  std::size_t at = 0;
  for (int digits = 0; digits < longest; ++digits) {
    const Char c = char_at(text, at);
    if (c.kind != CharClass::number) break;
    at += c.size;
  }
  return at;
}

// [^\s\p{L}\p{N}]+[\r\n]* from `at`
std::size_t symbols_end(std::string_view text, std::size_t at) {
  return run_end(text, run_end(text, at, CharClass::other), CharClass::newline);
}

// \s*[\r\n]+|\s+(?!\S)|\s+ : up to the last line end of the run; without one the run less its last
// character, which belongs to the word that follows; the run where nothing follows or it is one
// character.
std::size_t spaces_size(std::string_view text) {
  std::size_t at = 0, last_begin = 0, line_end = 0;
  for (Char c = char_at(text, at); c.size > 0 && is_space(c.kind); c = char_at(text, at)) {
    last_begin = at;
    at += c.size;
    if (c.kind == CharClass::newline) line_end = at;
  }
  if (line_end > 0) return line_end;
  return at == text.size() || last_begin == 0 ? at : last_begin;
}

}  // namespace

std::optional<SplitPattern> find_split_pattern(std::string_view regex) {
  for (const KnownRegex& known : kKnown) {
    if (known.regex == regex) return known.pattern;
  }
  return std::nullopt;
}

// The alternatives in the regex's order.
std::size_t first_piece_size(std::string_view text, const SplitPattern& pattern) {
  if (const std::size_t size = contraction_size(text); size > 0) return size;

  const Char first = char_at(text, 0);
  if (first.kind == CharClass::letter) return run_end(text, 0, CharClass::letter);
  if (first.kind == CharClass::number) return number_size(text, pattern.longest_number);

  const Char second = char_at(text, first.size);
  const bool letters_follow = second.size > 0 && second.kind == CharClass::letter;
  if (letters_follow && first.kind != CharClass::newline) {
    return run_end(text, first.size, CharClass::letter);
  }
  if (first.kind == CharClass::other) return symbols_end(text, 0);
  const bool symbols_follow = second.size > 0 && second.kind == CharClass::other;
  if (symbols_follow && text[0] == ' ') return symbols_end(text, 1);
  return spaces_size(text);
}

}  // namespace llm2clip
