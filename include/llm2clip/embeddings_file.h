#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "llm2clip/embeddings.h"
#include "llm2clip/export.h"
#include "llm2clip/from_string.h"

namespace llm2clip {

/// What the components are stored as.
enum class StoredPrecision {
  float32,  ///< as computed
  float16,  ///< IEEE half, rounded to nearest, ties to even; text formats hold the rounded values
};

/// "float32", "float16".
LLM2CLIP_API const char* to_string(StoredPrecision precision);
template <>
LLM2CLIP_API StoredPrecision from_string(std::string_view name);  ///< of that name

/// What goes beside the rows into a file.
struct EmbeddingsFile {
  Embeddings embeddings;         ///< (rows, D)
  std::vector<std::string> ids;  ///< one per row: the path or text as given
  /// How the rows came about: model name and hashes, precision, preprocessing, versions. UTF-8.
  std::vector<std::pair<std::string, std::string>> provenance;
};

/// Writes by the ending of `path`: .npy (with `<path>.ids.jsonl` and `<path>.json` beside it),
/// .safetensors, .parquet, .jsonl or .csv. Each file appears whole or not at all; the .npy comes
/// last. Where `path` is a link, the file it leads to is written. A .safetensors file has its ids
/// in the header, or, where they pass 90 MB there, in two tensors: `ids` (U8), their bytes, and
/// `boundaries` (I64, rows + 1), where each begins and the last ends. A .parquet file is written by
/// a module that is loaded for it, libllm2clip-parquet.so. Throws Error(invalid_argument) for
/// another ending or when ids and rows differ in number, Error(unavailable) without the module,
/// Error(io) when a file cannot be written.
LLM2CLIP_API void write_embeddings(const std::filesystem::path& path, const EmbeddingsFile& content,
                                   StoredPrecision precision = StoredPrecision::float32);

/// Reads a .safetensors or .npy file of write_embeddings back, float16 widened to float32: for
/// vectors that a program searches later. A .npy file may be anybody's; without `<path>.ids.jsonl`
/// its ids are the numbers of its rows, from "0" on. Throws Error(invalid_argument) for another
/// ending, Error(bad_model) for a file that is missing, damaged or holds something else.
LLM2CLIP_API EmbeddingsFile read_embeddings(const std::filesystem::path& path);

/// One line of a .jsonl file, without its end: {"id":"a.jpg","embedding":[0.1,...]}. Numbers
/// have the fewest digits that give the float32 back.
/// Throws Error(invalid_argument) for a value that is not finite.
LLM2CLIP_API std::string embedding_json(std::string_view id, std::span<const float> row,
                                        StoredPrecision precision = StoredPrecision::float32);

/// A float32 array in a .npy file, written row by row, so that it need not fit into memory.
///
///   NpyWriter writer("pixels.npy", std::array<std::size_t, 3>{3, 224, 224});
///   writer.append(pixels);  // 3 * 224 * 224 values
///   writer.finish();        // (1, 3, 224, 224)
///
/// The file appears with finish(); without it nothing is left. Members throw Error(io), and
/// Error(invalid_argument) after finish().
class LLM2CLIP_API NpyWriter {
 public:
  /// `row_shape` is the shape of one row: {3, S, S} for pixels, {D} for embeddings.
  NpyWriter(const std::filesystem::path& path, std::span<const std::size_t> row_shape);
  /// What was moved from may only be destroyed or assigned to.
  NpyWriter(NpyWriter&&) noexcept;
  /// The file that this object was writing is given up.
  NpyWriter& operator=(NpyWriter&&) noexcept;
  /// Removes what was written unless finish() was called.
  ~NpyWriter();

  /// Throws Error(invalid_argument) when `row` has another number of values than the shape.
  void append(std::span<const float> row);
  /// Writes the number of rows into the header and puts the file in place. Call it once.
  void finish();

 private:
  struct LLM2CLIP_LOCAL Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace llm2clip
