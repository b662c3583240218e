#include "text/vocabulary.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <numeric>

#include "base/check.h"

namespace llm2clip {
namespace {

std::uint32_t hash_of(std::string_view bytes) {
  return static_cast<std::uint32_t>(std::hash<std::string_view>{}(bytes));
}

}  // namespace

Vocabulary::Vocabulary(std::size_t count) : slots_(std::bit_ceil(2 * count + 1)) {
  entries_.reserve(count);
}

std::string_view Vocabulary::bytes_of(const Entry& entry) const {
  return std::string_view(text_).substr(entry.begin, entry.size);
}

// Where `bytes` is, or the free slot where it belongs.
std::size_t Vocabulary::slot_of(std::string_view bytes, std::uint32_t hash) const {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = hash & mask;; at = (at + 1) & mask) {
    const Slot& slot = slots_[at];
    if (slot.entry == kFree) return at;
    if (slot.hash == hash && bytes_of(entries_[slot.entry]) == bytes) return at;
  }
}

bool Vocabulary::add(std::string_view bytes, std::uint32_t id) {
  LLM2CLIP_CHECK(2 * entries_.size() < slots_.size());
  const std::uint32_t hash = hash_of(bytes);
  Slot& slot = slots_[slot_of(bytes, hash)];
  if (slot.entry != kFree) return false;
  slot = {hash, static_cast<std::uint32_t>(entries_.size())};
  entries_.push_back({text_.size(), static_cast<std::uint32_t>(bytes.size()), id});
  text_ += bytes;
  return true;
}

std::optional<std::uint32_t> Vocabulary::sort_ids() {
  by_id_.resize(entries_.size());
  std::iota(by_id_.begin(), by_id_.end(), 0U);
  const auto id_of = [this](std::uint32_t entry) { return entries_[entry].id; };
  std::sort(by_id_.begin(), by_id_.end(),
            [&](std::uint32_t a, std::uint32_t b) { return id_of(a) < id_of(b); });
  const auto twice =
      std::adjacent_find(by_id_.begin(), by_id_.end(),
                         [&](std::uint32_t a, std::uint32_t b) { return id_of(a) == id_of(b); });
  if (twice == by_id_.end()) return std::nullopt;
  return id_of(*twice);
}

std::optional<std::uint32_t> Vocabulary::find(std::string_view bytes) const {
  const Slot& slot = slots_[slot_of(bytes, hash_of(bytes))];
  if (slot.entry == kFree) return std::nullopt;
  return entries_[slot.entry].id;
}

std::optional<std::string_view> Vocabulary::bytes_of(std::uint32_t id) const {
  const auto found = std::lower_bound(
      by_id_.begin(), by_id_.end(), id,
      [this](std::uint32_t entry, std::uint32_t wanted) { return entries_[entry].id < wanted; });
  if (found == by_id_.end() || entries_[*found].id != id) return std::nullopt;
  return bytes_of(entries_[*found]);
}

std::uint32_t Vocabulary::highest_id() const {
  return by_id_.empty() ? 0 : entries_[by_id_.back()].id;
}

}  // namespace llm2clip
