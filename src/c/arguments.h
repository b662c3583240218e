#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "c/status.h"

namespace llm2clip::c {

/// `count` elements at `data`. Throws Error(invalid_argument) for NULL with a count and for a count
/// that no memory can hold, which is what a negative number looks like here.
template <typename T>
std::span<T> array_of(T* data, std::size_t count, const char* argument) {
  if (count > PTRDIFF_MAX / sizeof(T)) {
    refuse(argument, "a count of " + std::to_string(count) + "; is it a negative number?");
  }
  if (!data && count > 0) refuse(argument, "NULL with a count of " + std::to_string(count));
  return {data, count};
}

inline std::string_view text_of(const char* data, std::size_t length, const char* argument) {
  const std::span<const char> characters = array_of(data, length, argument);
  return {characters.data(), characters.size()};
}

inline std::string_view text_of(const llm2clip_string& string, const char* argument) {
  return text_of(string.data, string.length, argument);
}

inline std::vector<std::string> texts_of(const llm2clip_string* strings, std::size_t count,
                                         const char* argument) {
  std::vector<std::string> texts;
  for (const llm2clip_string& string : array_of(strings, count, argument)) {
    texts.emplace_back(text_of(string, argument));
  }
  return texts;
}

/// The same without copies.
inline std::vector<std::string_view> views_of(const llm2clip_string* strings, std::size_t count,
                                              const char* argument) {
  std::vector<std::string_view> views;
  for (const llm2clip_string& string : array_of(strings, count, argument)) {
    views.push_back(text_of(string, argument));
  }
  return views;
}

/// The system would cut a path at a zero byte and use another file.
inline std::filesystem::path path_of(const char* data, std::size_t length, const char* argument) {
  const std::string_view text = text_of(data, length, argument);
  if (text.empty()) refuse(argument, "is empty");
  if (text.find('\0') != std::string_view::npos) refuse(argument, "has a zero byte in it");
  return {std::string(text)};
}

/// The values that views give into C's hands.
inline llm2clip_string borrowed(std::string_view text) { return {text.data(), text.size()}; }

template <typename T>
void put(T* out, const T& value, const char* argument) {
  if (!out) refuse(argument, "NULL where the address of a result is expected");
  *out = value;
}

/// No struct is larger in any version; what claims to be was never initialized.
inline constexpr std::size_t kLargestStruct = 4096;

/// `struct_size` is the size of `Struct` in the header that the caller was compiled with. As long
/// as there is one version, a smaller one is a mistake; once a struct has grown, its first size
/// stands here.
template <typename Struct>
void check_struct_size(std::size_t struct_size, const char* argument) {
  if (struct_size < sizeof(Struct) || struct_size > kLargestStruct) {
    refuse(argument, "struct_size is " + std::to_string(struct_size) + ", " +
                         std::to_string(sizeof(Struct)) + " is expected; use its init function");
  }
}

/// Copies `value` to a caller whose struct has `struct_size` bytes.
template <typename Struct>
void write_struct(Struct* out, std::size_t struct_size, Struct value, const char* argument) {
  if (!out) refuse(argument, "NULL where a struct is expected");
  check_struct_size<Struct>(struct_size, argument);
  value.struct_size = struct_size;
  std::memset(static_cast<void*>(out), 0, struct_size);
  std::memcpy(static_cast<void*>(out), &value, std::min(struct_size, sizeof(Struct)));
}

/// The caller's struct, or `defaults` for NULL. Fields of a later version than ours must be zero,
/// because we cannot do what they ask.
template <typename Struct>
Struct read_struct(const Struct* given, const Struct& defaults, const char* argument) {
  if (!given) return defaults;
  const std::size_t size = given->struct_size;
  check_struct_size<Struct>(size, argument);
  const auto* bytes = reinterpret_cast<const unsigned char*>(given);
  if (std::any_of(bytes + sizeof(Struct), bytes + size, [](unsigned char b) { return b != 0; })) {
    refuse(argument, "asks for something that this version of the library does not have");
  }
  return *given;
}

}  // namespace llm2clip::c
