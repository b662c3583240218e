#include "terminal/terminal_text.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cwchar>
#include <vector>

namespace llm2clip::cli {
namespace {

constexpr std::size_t kMaxColumns = 100'000;

// One character of the locale's encoding, or one byte that is none.
struct Character {
  std::string_view bytes;
  wchar_t code = 0;
  bool valid = false;
};

std::vector<Character> characters(std::string_view text) {
  std::vector<Character> found;
  std::mbstate_t state{};
  while (!text.empty()) {
    Character next;
    // With a state of its own. NOLINTNEXTLINE(concurrency-mt-unsafe)
    const std::size_t length = std::mbrtowc(&next.code, text.data(), text.size(), &state);
    next.valid = length != 0 && length <= text.size();
    if (!next.valid) state = {};
    next.bytes = text.substr(0, next.valid ? length : 1);
    text.remove_prefix(next.bytes.size());
    found.push_back(next);
  }
  return found;
}

// Marks, embeddings, overrides and isolates, which reorder what stands around them.
bool changes_direction(wchar_t code) {
  return code == 0x200e || code == 0x200f || (code >= 0x202a && code <= 0x202e) ||
         (code >= 0x2066 && code <= 0x2069);
}

std::string escaped(std::string_view bytes) {
  if (bytes == "\n") return "\\n";
  if (bytes == "\t") return "\\t";
  if (bytes == "\r") return "\\r";
  std::string text;
  for (const char byte : bytes) {
    std::array<char, 5> hex{};
    std::snprintf(hex.data(), hex.size(), "\\x%02x", static_cast<unsigned char>(byte));
    text += hex.data();
  }
  return text;
}

std::size_t width_of(const Character& character) {
  const int width = character.valid ? ::wcwidth(character.code) : 1;
  return width < 0 ? 1 : static_cast<std::size_t>(width);
}

}  // namespace

std::string printable(std::string_view text) {
  std::string clean;
  for (const Character& character : characters(text)) {
    const bool harmless =
        character.valid && ::wcwidth(character.code) >= 0 && !changes_direction(character.code);
    clean += harmless ? std::string(character.bytes) : escaped(character.bytes);
  }
  return clean;
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for (const Character& character : characters(text)) width += width_of(character);
  return width;
}

std::string cut_end(std::string_view text, std::size_t width) {
  if (display_width(text) <= width) return std::string(text);
  std::string kept;
  std::size_t used = 1;  // the ellipsis
  for (const Character& character : characters(text)) {
    used += width_of(character);
    if (used > width) break;
    kept += character.bytes;
  }
  return kept + "…";
}

std::string cut_start(std::string_view text, std::size_t width) {
  if (display_width(text) <= width) return std::string(text);
  const std::vector<Character> all = characters(text);
  std::size_t used = 1;
  std::size_t first = all.size();
  while (first > 0 && used + width_of(all[first - 1]) <= width) used += width_of(all[--first]);
  while (first < all.size() && width_of(all[first]) == 0) ++first;  // a mark without its letter
  std::string kept = "…";
  for (std::size_t i = first; i < all.size(); ++i) kept += all[i].bytes;
  return kept;
}

std::size_t terminal_columns() {
  if (::isatty(STDOUT_FILENO) == 0) return 0;
  if (const char* columns = std::getenv("COLUMNS"); columns != nullptr) {
    const unsigned long count = std::strtoul(columns, nullptr, 10);
    if (count > 0 && count <= kMaxColumns) return count;
  }
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

std::string score_text(float score) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.4f", static_cast<double>(score));
  return text.data();
}

}  // namespace llm2clip::cli
