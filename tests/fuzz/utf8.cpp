// UTF-8 against table 3-7 of the Unicode standard, row by row; and every code point there and back.

#include "text/utf8.h"

#include "property.h"

namespace {

struct Row {
  unsigned first, last;  // lead bytes
  unsigned second_low, second_high;
  std::size_t size;
};

constexpr Row kTable[] = {
    {0x00, 0x7F, 0, 0, 1},       {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
    {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
    {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4}};

bool within(unsigned byte, unsigned low, unsigned high) { return byte >= low && byte <= high; }

// Bytes of the sequence that `text` starts with; 0 when it is none.
std::size_t well_formed(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  for (const Row& row : kTable) {
    if (!within(byte(0), row.first, row.last)) continue;
    if (text.size() < row.size) return 0;
    if (row.size > 1 && !within(byte(1), row.second_low, row.second_high)) return 0;
    for (std::size_t i = 2; i < row.size; ++i) {
      if (!within(byte(i), 0x80, 0xBF)) return 0;
    }
    return row.size;
  }
  return 0;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace llm2clip;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::size_t at = 0;
  std::string back;
  while (at < size) {
    const std::size_t sequence = well_formed(text.substr(at));
    if (sequence == 0) break;
    const CodePoint first = first_code_point(text.substr(at));
    fuzz::property(first.size == sequence, "a code point is as long as its row says");
    at += sequence;
    fuzz::property(last_code_point(text.substr(0, at)).value == first.value,
                   "the last code point of a text is that which ends it");
    append_utf8(back, first.value);
  }
  fuzz::property(back == text.substr(0, at), "code points written again are the text");
  fuzz::property(find_invalid_utf8(text) == (at == size ? std::string_view::npos : at),
                 "the first bad byte is the table's");
  return 0;
}
