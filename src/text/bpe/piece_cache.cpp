#include "text/bpe/piece_cache.h"

#include <algorithm>
#include <functional>

namespace llm2clip {

std::size_t PieceCache::place_of(std::string_view piece) {
  return std::hash<std::string_view>{}(piece) % kEntries;
}

std::span<const std::uint32_t> PieceCache::find(std::string_view piece) const {
  const Entry& entry = entries_[place_of(piece)];
  if (std::string_view(entry.bytes.data(), entry.size) != piece) return {};
  return {entry.ids.data(), entry.count};
}

void PieceCache::put(std::string_view piece, std::span<const std::uint32_t> ids) {
  Entry& entry = entries_[place_of(piece)];
  if (piece.size() > entry.bytes.size() || ids.size() > entry.ids.size()) return;
  entry.size = static_cast<std::uint8_t>(piece.size());
  entry.count = static_cast<std::uint8_t>(ids.size());
  std::ranges::copy(piece, entry.bytes.begin());
  std::ranges::copy(ids, entry.ids.begin());
}

}  // namespace llm2clip
