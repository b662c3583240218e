#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace llm2clip {

/// Enough for any shape of up to eight axes, and a multiple of 64.
inline constexpr std::size_t kNpyHeaderBytes = 256;

/// The head of a .npy file, version 1.0, kNpyHeaderBytes long, so that it can be written over in
/// place when the number of rows is known. `descr` is NumPy's name of the type: "<f4" or "<f2".
std::string npy_header(std::string_view descr, std::span<const std::size_t> shape);

}  // namespace llm2clip
