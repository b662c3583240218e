#include "text/bpe/pretokenize.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "text/bpe/unicode_tables.h"
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

constexpr std::uint32_t kCodePoints = 0x110000;
constexpr std::uint32_t kBlock = 128;

// The class of every code point, in two steps: blocks that are equal are kept once. The tables are
// never destroyed: a thread that was left behind (Note [Threads left behind]) reads them while the
// program ends.
class CharClasses {
 public:
  static const CharClasses& get() {
    static const CharClasses& classes = *new CharClasses(number_ranges());
    return classes;
  }

  // What a Digits splits off counts as a number: its tables of Unicode are younger than the
  // regex's.
  static const CharClasses& with_digits() {
    static const CharClasses& classes = *new CharClasses(digit_ranges());
    return classes;
  }

  CharClass of(std::uint32_t c) const { return classes_[starts_[c / kBlock] + c % kBlock]; }
  CharClass of_ascii(unsigned char c) const { return classes_[c]; }  // the first block

 private:
  explicit CharClasses(std::span<const CodePointRange> numbers) {
    std::vector<CharClass> all(kCodePoints);
    put(all, letter_ranges(), CharClass::letter);
    put(all, space_ranges(), CharClass::space);
    put(all, numbers, CharClass::number);
    all['\r'] = all['\n'] = CharClass::newline;
    std::map<std::vector<CharClass>, std::uint16_t> known;
    for (std::uint32_t block = 0; block < starts_.size(); ++block) {
      const auto begin = all.begin() + std::ptrdiff_t{block} * kBlock;
      const std::vector<CharClass> classes(begin, begin + kBlock);
      const auto [entry, is_new] =
          known.try_emplace(classes, static_cast<std::uint16_t>(classes_.size()));
      if (is_new) classes_.insert(classes_.end(), classes.begin(), classes.end());
      starts_[block] = entry->second;
    }
  }

  static void put(std::vector<CharClass>& all, std::span<const CodePointRange> ranges,
                  CharClass kind) {
    for (const auto& [first, last] : ranges) {
      std::fill(all.begin() + first, all.begin() + last + 1, kind);
    }
  }

  std::array<std::uint16_t, kCodePoints / kBlock> starts_;  // in classes_
  std::vector<CharClass> classes_;
};

// Text of which the classes are looked at: finds the table once for a piece.
class Chars {
 public:
  explicit Chars(std::string_view text, const CharClasses& classes = CharClasses::get())
      : text_(text), classes_(classes) {}

  Char at(std::size_t place) const {
    if (place >= text_.size()) return {};
    const auto byte = static_cast<unsigned char>(text_[place]);
    if (byte < 0x80) return {classes_.of_ascii(byte), 1};
    const CodePoint c = first_code_point(text_.substr(place));
    return {classes_.of(c.value), c.size};
  }

  // The end of the run of `kind` that begins at `place`.
  std::size_t run_end(std::size_t place, CharClass kind) const {
    for (Char c = at(place); c.size > 0 && c.kind == kind; c = at(place)) place += c.size;
    return place;
  }

  std::size_t size() const { return text_.size(); }

 private:
  std::string_view text_;
  const CharClasses& classes_;
};

bool is_space(CharClass kind) { return kind == CharClass::space || kind == CharClass::newline; }

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
std::size_t number_size(const Chars& chars, int longest) {
  std::size_t at = 0;
  for (int digits = 0; digits < longest; ++digits) {
    const Char c = chars.at(at);
    if (c.kind != CharClass::number) break;
    at += c.size;
  }
  return at;
}

// [^\s\p{L}\p{N}]+[\r\n]* from `at`
std::size_t symbols_end(const Chars& chars, std::size_t at) {
  return chars.run_end(chars.run_end(at, CharClass::other), CharClass::newline);
}

// \s*[\r\n]+|\s+(?!\S)|\s+ : up to the last line end of the run; without one the run less its last
// character, which belongs to the word that follows; the run where nothing follows or it is one
// character.
std::size_t spaces_size(const Chars& chars) {
  std::size_t at = 0, last_begin = 0, line_end = 0;
  for (Char c = chars.at(at); c.size > 0 && is_space(c.kind); c = chars.at(at)) {
    last_begin = at;
    at += c.size;
    if (c.kind == CharClass::newline) line_end = at;
  }
  if (line_end > 0) return line_end;
  return at == chars.size() || last_begin == 0 ? at : last_begin;
}

// 's|'t|'re|'ve|'m|'ll|'d, in these letters alone; or 0.
std::size_t gpt2_contraction_size(std::string_view text) {
  for (const std::string_view known : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"}) {
    if (text.starts_with(known)) return known.size();
  }
  return 0;
}

// \s+(?!\S)|\s+ : the run less its last character, or all of it before the text's end.
std::size_t gpt2_spaces_size(const Chars& chars, const SplitPattern& pattern) {
  std::size_t at = 0, last_begin = 0;
  Char c = chars.at(0);
  for (; c.size > 0 && is_space(c.kind); c = chars.at(at)) {
    last_begin = at;
    at += c.size;
  }
  const bool ends = c.size == 0 || (pattern.digits_apart && c.kind == CharClass::number);
  return ends || last_begin == 0 ? at : last_begin;
}

// contractions| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// With digits apart each digit is a piece and the end of the text before it.
std::size_t gpt2_piece_size(std::string_view text, const SplitPattern& pattern) {
  const Chars chars(text, pattern.digits_apart ? CharClasses::with_digits() : CharClasses::get());
  const Char first = chars.at(0);
  if (pattern.digits_apart && first.kind == CharClass::number) return first.size;
  if (const std::size_t size = gpt2_contraction_size(text); size > 0) return size;

  const std::size_t begin = text[0] == ' ' ? 1 : 0;
  const Char c = chars.at(begin);
  const bool ends = c.size == 0 || (pattern.digits_apart && c.kind == CharClass::number);
  if (ends || is_space(c.kind)) return gpt2_spaces_size(chars, pattern);
  return chars.run_end(begin + c.size, c.kind);
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
  if (pattern.family == SplitPattern::Family::gpt2) return gpt2_piece_size(text, pattern);
  if (const std::size_t size = contraction_size(text); size > 0) return size;

  const Chars chars(text);
  const Char first = chars.at(0);
  if (first.kind == CharClass::letter) return chars.run_end(first.size, CharClass::letter);
  if (first.kind == CharClass::number) return number_size(chars, pattern.longest_number);

  const Char second = chars.at(first.size);
  const bool letters_follow = second.size > 0 && second.kind == CharClass::letter;
  if (letters_follow && first.kind != CharClass::newline) {
    return chars.run_end(first.size + second.size, CharClass::letter);
  }
  if (first.kind == CharClass::other) return symbols_end(chars, 0);
  const bool symbols_follow = second.size > 0 && second.kind == CharClass::other;
  if (symbols_follow && text[0] == ' ') return symbols_end(chars, 1);
  return spaces_size(chars);
}

}  // namespace llm2clip
