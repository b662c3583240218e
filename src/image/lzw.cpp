#include "image/lzw.h"

#include <array>
#include <optional>

namespace llm2clip {
namespace {

constexpr unsigned kMaxBits = 12;
constexpr unsigned kTableSize = 1u << kMaxBits;

// Codes of growing width, lowest bits first.
class CodeReader {
 public:
  explicit CodeReader(std::span<const std::uint8_t> data) : data_(data) {}

  std::optional<unsigned> next(unsigned width) {
    while (bits_ < width) {
      if (data_.empty()) return std::nullopt;
      buffer_ |= std::uint32_t{data_[0]} << bits_;
      data_ = data_.subspan(1);
      bits_ += 8;
    }
    const unsigned code = buffer_ & ((1u << width) - 1);
    buffer_ >>= width;
    bits_ -= width;
    return code;
  }

 private:
  std::span<const std::uint8_t> data_;
  std::uint32_t buffer_ = 0;
  unsigned bits_ = 0;
};

// Strings by code: each is another one and a byte.
class Table {
 public:
  explicit Table(unsigned code_bits) : clear_(1u << code_bits) { reset(); }

  void reset() { next_ = clear_ + 2; }
  unsigned clear_code() const { return clear_; }
  unsigned end_code() const { return clear_ + 1; }
  unsigned next() const { return next_; }

  void add(unsigned prefix, std::uint8_t last) {
    if (next_ == kTableSize) return;
    prefix_[next_] = static_cast<std::uint16_t>(prefix);
    last_[next_] = last;
    ++next_;
  }

  // Writes the string of `code` backwards before `end`; the result is where it starts.
  std::size_t expand(unsigned code, std::array<std::uint8_t, kTableSize + 1>& text,
                     std::size_t end) const {
    for (; code >= clear_; code = prefix_[code]) text[--end] = last_[code];
    text[--end] = static_cast<std::uint8_t>(code);
    return end;
  }

 private:
  unsigned clear_;
  unsigned next_ = 0;
  std::array<std::uint16_t, kTableSize> prefix_{};
  std::array<std::uint8_t, kTableSize> last_{};
};

}  // namespace

bool decode_gif_lzw(std::span<const std::uint8_t> data, unsigned code_bits,
                    std::span<std::uint8_t> indices) {
  if (code_bits < 2 || code_bits > 8) return false;
  CodeReader reader(data);
  Table table(code_bits);
  std::array<std::uint8_t, kTableSize + 1> text{};
  unsigned width = code_bits + 1;
  constexpr unsigned kNone = kTableSize;
  unsigned previous = kNone;
  std::uint8_t first = 0;
  std::size_t done = 0;
  while (done < indices.size()) {
    const std::optional<unsigned> code = reader.next(width);
    if (!code || *code == table.end_code()) return false;
    if (*code == table.clear_code()) {
      table.reset();
      width = code_bits + 1;
      previous = kNone;
      continue;
    }
    if (*code > table.next() || (previous == kNone && *code > table.clear_code())) return false;
    // The one code that may be used before it is known: the previous string and its first byte.
    const bool unknown = previous != kNone && *code == table.next();
    std::size_t end = text.size();
    if (unknown) text[--end] = first;
    std::size_t start = table.expand(unknown ? previous : *code, text, end);
    first = text[start];
    if (previous != kNone) table.add(previous, first);
    if (table.next() == (1u << width) && width < kMaxBits) ++width;
    previous = *code;
    while (start < text.size() && done < indices.size()) indices[done++] = text[start++];
  }
  return true;
}

}  // namespace llm2clip
