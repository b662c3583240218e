#include "text/utf8.h"

#include <string>

#include "support/catch.h"

namespace llm2clip {
namespace {

// Unicode, table 3-7: the ranges of well-formed sequences, byte by byte.
struct Row {
  int size;
  unsigned char first[2], second[2];  // third and fourth bytes are 80..BF
};
constexpr Row kRows[] = {{1, {0x00, 0x7F}, {0, 0}},       {2, {0xC2, 0xDF}, {0x80, 0xBF}},
                         {3, {0xE0, 0xE0}, {0xA0, 0xBF}}, {3, {0xE1, 0xEC}, {0x80, 0xBF}},
                         {3, {0xED, 0xED}, {0x80, 0x9F}}, {3, {0xEE, 0xEF}, {0x80, 0xBF}},
                         {4, {0xF0, 0xF0}, {0x90, 0xBF}}, {4, {0xF1, 0xF3}, {0x80, 0xBF}},
                         {4, {0xF4, 0xF4}, {0x80, 0x8F}}};

bool in(unsigned char byte, const unsigned char (&range)[2]) {
  return byte >= range[0] && byte <= range[1];
}

bool fits(const Row& row, std::string_view text) {
  constexpr unsigned char kContinuation[] = {0x80, 0xBF};
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto size = static_cast<std::size_t>(row.size);
  if (text.size() < size || !in(byte(0), row.first)) return false;
  if (size > 1 && !in(byte(1), row.second)) return false;
  for (std::size_t i = 2; i < size; ++i) {
    if (!in(byte(i), kContinuation)) return false;
  }
  return true;
}

std::size_t find_invalid_by_table(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    std::size_t size = 0;
    for (const Row& row : kRows) {
      if (fits(row, text.substr(at))) size = static_cast<std::size_t>(row.size);
    }
    if (size == 0) return at;
    at += size;
  }
  return std::string_view::npos;
}

std::string bytes_of(unsigned number, std::size_t size) {
  std::string bytes;
  for (std::size_t i = size; i-- > 0;) bytes += static_cast<char>((number >> (8 * i)) & 0xFF);
  return bytes;
}

TEST_CASE("find_invalid_utf8 agrees with Unicode's table on every string of one to three bytes",
          "[text][utf8]") {
  std::size_t differences = 0;
  for (std::size_t size = 1; size <= 3; ++size) {
    for (unsigned number = 0; number < 1U << (8 * size); ++number) {
      const std::string text = bytes_of(number, size);
      differences += find_invalid_utf8(text) != find_invalid_by_table(text) ? 1 : 0;
    }
  }
  CHECK(differences == 0);
}

TEST_CASE("find_invalid_utf8 agrees with Unicode's table at every edge of four bytes",
          "[text][utf8]") {
  const unsigned char edges[] = {0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2, 0xFF};
  for (unsigned lead = 0xF0; lead <= 0xFF; ++lead) {
    for (unsigned second = 0; second < 256; ++second) {
      for (const unsigned char third : edges) {
        for (const unsigned char fourth : edges) {
          const std::string text =
              bytes_of((lead << 24) | (second << 16) | (unsigned{third} << 8) | fourth, 4);
          if (find_invalid_utf8(text) != find_invalid_by_table(text)) FAIL(lead << " " << second);
        }
      }
    }
  }
}

TEST_CASE("find_invalid_utf8 gives the offset of the first bad byte", "[text][utf8]") {
  CHECK(find_invalid_utf8("") == std::string_view::npos);
  CHECK(find_invalid_utf8(std::string_view("a\0b", 3)) == std::string_view::npos);
  CHECK(find_invalid_utf8("0123456789abcdef\xFF") == 16);
  CHECK(find_invalid_utf8("caf\xC3\xA9 \xED\xA0\x80") == 6);
  CHECK(find_invalid_utf8("\xF0\x9F\x90") == 0);
}

TEST_CASE("code points come back from what append_utf8 writes", "[text][utf8]") {
  for (const std::uint32_t value :
       {0x0U, 0x7FU, 0x80U, 0x7FFU, 0x800U, 0xFFFFU, 0x10000U, 0x10FFFFU}) {
    std::string text = "x";
    append_utf8(text, value);
    CHECK(last_code_point(text).value == value);
    CHECK(first_code_point(std::string_view(text).substr(1)).value == value);
    CHECK(first_code_point(std::string_view(text).substr(1)).size == text.size() - 1);
  }
}

}  // namespace
}  // namespace llm2clip
