#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace llm2clip {

/// The ids of short pieces that were met lately. Of fixed size: a piece takes the place of another
/// whose hash falls there.
class PieceCache {
 public:
  PieceCache() : entries_(kEntries) {}

  /// Empty when the piece is not here.
  std::span<const std::uint32_t> find(std::string_view piece) const;
  /// Does nothing for a piece that is too long, or has too many ids. Neither is empty.
  void put(std::string_view piece, std::span<const std::uint32_t> ids);

 private:
  struct alignas(64) Entry {  // one line of the processor's cache
    std::uint8_t size = 0;
    std::uint8_t count = 0;
    std::array<char, 30> bytes;
    std::array<std::uint32_t, 8> ids;
  };
  static constexpr std::size_t kEntries = 1U << 14;  // 1 MiB

  static std::size_t place_of(std::string_view piece);

  std::vector<Entry> entries_;
};

}  // namespace llm2clip
