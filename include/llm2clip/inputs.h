#pragma once

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <ranges>
#include <string_view>
#include <type_traits>

#include "llm2clip/image.h"

namespace llm2clip {

/// The inputs of one call, wherever they are: a parameter type that copies none of them.
///
/// An `Item` is a view of one input: std::string_view, ImageView. Inputs of it are made of one
/// thing that converts to Item, of a list of such things in braces, or of what holds such things,
/// or pointers to them, side by side: std::vector, std::array, std::span, an array.
///
///   model.encode_texts("a dog");
///   model.encode_texts({"a dog", std::string("a cat")});
///   model.encode_texts(captions);  // std::vector<std::string>
///
/// Owns nothing: use it only as the parameter of a call, while what it was made of lives.
template <typename Item>
class Inputs {
  template <typename T>
  static constexpr bool is_item = std::is_convertible_v<const T&, Item>;
  template <typename T>
  static constexpr bool is_pointer_to_item = requires(const T& pointer) {
    { *pointer } -> std::convertible_to<Item>;
  };

 public:
  /// No inputs.
  Inputs() = default;
  /// Those in braces.
  Inputs(std::initializer_list<Item> items) : Inputs(items.begin(), items.size()) {}
  /// A single one.
  template <typename T>
    requires is_item<T>
  Inputs(const T& one) : Inputs(std::addressof(one), 1) {}
  /// All of `range`.
  template <std::ranges::contiguous_range Range>
    requires(!is_item<Range> && std::ranges::sized_range<Range> &&
             (is_item<std::ranges::range_value_t<Range>> ||
              is_pointer_to_item<std::ranges::range_value_t<Range>>))
  Inputs(const Range& range) : Inputs(std::ranges::data(range), std::ranges::size(range)) {}

  /// How many there are.
  std::size_t size() const noexcept { return size_; }
  /// Whether there are none.
  bool empty() const noexcept { return size_ == 0; }
  /// `index` must be below size(); it is not checked.
  Item operator[](std::size_t index) const { return at_(items_, offset_ + index); }
  /// `count` of them from `first` on; both must be there.
  Inputs subspan(std::size_t first, std::size_t count) const {
    Inputs part = *this;
    part.offset_ += first;
    part.size_ = count;
    return part;
  }

 private:
  template <typename T>
  Inputs(const T* first, std::size_t size)
      : items_(first), size_(size), at_([](const void* items, std::size_t index) -> Item {
          const T& item = static_cast<const T*>(items)[index];
          if constexpr (is_item<T>) {
            return item;
          } else {
            return *item;
          }
        }) {}

  const void* items_ = nullptr;
  std::size_t offset_ = 0;
  std::size_t size_ = 0;
  Item (*at_)(const void* items, std::size_t index) = nullptr;
};

/// Texts in UTF-8.
using Texts = Inputs<std::string_view>;

/// Images, or pixels that lie elsewhere.
using Images = Inputs<ImageView>;

}  // namespace llm2clip
