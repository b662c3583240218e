#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace llm2clip {

/// Byte strings and their ids, looked up both ways.
class Vocabulary {
 public:
  /// Room for `count` entries.
  explicit Vocabulary(std::size_t count);

  /// False when `bytes` is there already. May be called `count` times.
  bool add(std::string_view bytes, std::uint32_t id);
  /// Ends adding. An id that stands twice, if there is one.
  std::optional<std::uint32_t> sort_ids();

  std::optional<std::uint32_t> find(std::string_view bytes) const;
  /// nullopt for an id that is none.
  std::optional<std::string_view> bytes_of(std::uint32_t id) const;
  std::size_t size() const { return entries_.size(); }
  /// 0 when there is none.
  std::uint32_t highest_id() const;

 private:
  struct Entry {
    std::size_t begin;  // in text_
    std::uint32_t size;
    std::uint32_t id;
  };
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t entry = kFree;
  };
  static constexpr std::uint32_t kFree = 0xFFFFFFFF;

  std::string_view bytes_of(const Entry& entry) const;
  std::size_t slot_of(std::string_view bytes, std::uint32_t hash) const;

  std::string text_;  // all byte strings, one after the other
  std::vector<Entry> entries_;
  std::vector<Slot> slots_;           // a power of two, at most half of them in use
  std::vector<std::uint32_t> by_id_;  // indices of entries_
};

}  // namespace llm2clip
