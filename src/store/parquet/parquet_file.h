#pragma once

#include <array>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/atomic_file.h"
#include "llm2clip/embeddings.h"
#include "llm2clip/embeddings_file.h"
#include "store/parquet/parquet_table.h"

namespace llm2clip {

/// Rows as a Parquet file: `id`, `vector` (a list of fixed size), and the provenance in its
/// metadata; or their ids alone. Written by Arrow, in a module that is loaded for it
/// (base/loaded_module.h).
class ParquetFile {
 public:
  /// What is about the whole file.
  struct Layout {
    std::size_t dim = 0;  ///< 0: no vectors
    StoredPrecision precision = StoredPrecision::float32;
    std::string id_name = "id";  ///< of the column
    bool coded_ids = false;      ///< some id is not UTF-8: a column <id_name>_base64 has those
    std::vector<std::pair<std::string, std::string>> metadata;
  };

  /// Throws Error(unavailable) without the module, and as the other members.
  ParquetFile(const std::filesystem::path& path, AtomicFile& file, const Layout& layout);
  ParquetFile(const ParquetFile&) = delete;
  ParquetFile& operator=(const ParquetFile&) = delete;
  ~ParquetFile();

  /// Throw Error(io), for the file or for Arrow.
  void add(std::span<const std::string> ids, const EmbeddingsView& rows);
  void finish();

 private:
  static bool write(void* context, const void* bytes, std::size_t count);
  ParquetMessage message() { return {message_.data(), message_.size()}; }
  [[noreturn]] void fail();

  std::filesystem::path path_;
  AtomicFile& file_;
  std::size_t dim_;
  StoredPrecision precision_;
  bool coded_ids_;
  std::exception_ptr failure_;  // of writing, which must not pass through Arrow
  std::array<char, 512> message_{};
  void* writer_ = nullptr;
};

/// Throws Error(unavailable) that names what to install when Parquet files cannot be written.
void check_parquet();

}  // namespace llm2clip
