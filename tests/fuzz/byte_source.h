#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <vector>

namespace llm2clip::fuzz {

/// Numbers and bytes out of a fuzzer's input. It reads as clang's FuzzedDataProvider does (numbers
/// from the end, bytes from the beginning), so that seeds mean the same; other compilers lack that
/// header.
class ByteSource {
 public:
  ByteSource(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}

  /// From `low` to `high`, both included; `low` when nothing is left.
  template <typename Number>
  Number in_range(Number low, Number high) {
    const auto range = static_cast<std::uint64_t>(static_cast<std::int64_t>(high) -
                                                  static_cast<std::int64_t>(low));
    std::uint64_t taken = 0;
    for (std::size_t bits = 0; bits < sizeof(Number) * 8 && range >> bits > 0 && size_ > 0;
         bits += 8) {
      taken = taken << 8 | data_[--size_];
    }
    return static_cast<Number>(static_cast<std::int64_t>(low) +
                               static_cast<std::int64_t>(taken % (range + 1)));
  }

  template <typename Number>
  Number number() {
    return in_range(std::numeric_limits<Number>::min(), std::numeric_limits<Number>::max());
  }

  template <typename Value>
  Value one_of(std::initializer_list<Value> values) {
    return values.begin()[in_range<std::size_t>(0, values.size() - 1)];
  }

  /// `count` bytes, or as many as are left.
  std::vector<std::uint8_t> bytes(std::size_t count) {
    count = std::min(count, size_);
    const std::vector<std::uint8_t> taken(data_, data_ + count);
    data_ += count;
    size_ -= count;
    return taken;
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
};

}  // namespace llm2clip::fuzz
