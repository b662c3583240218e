#include "text/bpe/byte_level.h"

#include <array>
#include <cstdint>

#include "text/utf8.h"

namespace llm2clip {
namespace {

constexpr std::size_t kByteChars = 0x144;

constexpr bool stands_for_itself(std::size_t byte) {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174);
}

// The byte of each code point; -1 for none.
constexpr auto kBytes = [] {
  std::array<int, kByteChars> bytes{};
  bytes.fill(-1);
  std::size_t next = 0x100;
  for (std::size_t byte = 0; byte < 256; ++byte) {
    bytes[stands_for_itself(byte) ? byte : next++] = static_cast<int>(byte);
  }
  return bytes;
}();

}  // namespace

std::optional<std::string> bytes_of_byte_level(std::string_view key) {
  std::string bytes;
  while (!key.empty()) {
    const CodePoint c = first_code_point(key);
    if (c.value >= kByteChars || kBytes[c.value] < 0) return std::nullopt;
    bytes += static_cast<char>(kBytes[c.value]);
    key.remove_prefix(c.size);
  }
  return bytes;
}

}  // namespace llm2clip
