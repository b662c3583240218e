#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>

#include "llm2clip/embeddings_file.h"

namespace llm2clip {

/// Enough for any shape of up to eight axes, and a multiple of 64.
inline constexpr std::size_t kNpyHeaderBytes = 256;

/// The head of a .npy file, version 1.0, kNpyHeaderBytes long, so that it can be written over in
/// place when the number of rows is known. `descr` is NumPy's name of the type: "<f4" or "<f2".
std::string npy_header(std::string_view descr, std::span<const std::size_t> shape);
std::string npy_header(StoredPrecision precision, std::span<const std::size_t> shape);

/// The rows of a .npy file of two axes in float32 or float16, little-endian and in the order of C,
/// of any version and whoever wrote it, read from the first to the last. Members throw
/// Error(bad_model).
class NpyRows {
 public:
  explicit NpyRows(const std::filesystem::path& path);

  std::size_t rows() const { return rows_; }
  std::size_t dim() const { return dim_; }
  /// The next rows: as many as `values` has room for.
  void read(std::span<float> values);

 private:
  std::filesystem::path path_;
  std::ifstream file_;
  bool half_ = false;
  std::size_t rows_ = 0;
  std::size_t dim_ = 0;
};

}  // namespace llm2clip
