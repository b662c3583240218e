#pragma once

#include <cstddef>
#include <cstdint>

namespace llm2clip {

/// Bytes of a text that need not end in NUL.
struct ParquetText {
  const char* data = nullptr;
  std::size_t bytes = 0;
};

/// What a file of rows is like.
struct ParquetLayout {
  std::size_t dim = 0;      ///< 0: no vectors
  bool half = false;        ///< float16
  ParquetText id_name;      ///< of the column
  bool coded_ids = false;   ///< a column <id_name>_base64 beside it, for ids that are not UTF-8
  const ParquetText* keys;  ///< of the metadata
  const ParquetText* values;
  std::size_t entries = 0;
};

/// Where the file goes, piece by piece. Returns false to end the writing.
struct ParquetSink {
  void* context = nullptr;
  bool (*write)(void* context, const void* bytes, std::size_t count) = nullptr;
};

/// Where the module writes why a call failed: a text that ends in NUL.
struct ParquetMessage {
  char* text = nullptr;
  std::size_t bytes = 0;
};

/// What libllm2clip-parquet.so gives: functions of C, because the two may be compiled with other
/// versions of the standard library. None throws.
struct ParquetTable {
  /// A writer, or null and the reason.
  void* (*open)(const ParquetLayout* layout, const ParquetSink* sink, ParquetMessage message);
  /// Appends rows: `ids` and, with coded_ids, `coded_ids`, of which one has data for each row, and
  /// rows * dim components, which are not looked at where dim is 0. False and the reason where it
  /// failed.
  bool (*add)(void* writer, const ParquetText* ids, const ParquetText* coded_ids,
              const void* components, std::size_t rows, ParquetMessage message);
  /// Writes the end of the file.
  bool (*finish)(void* writer, ParquetMessage message);
  void (*close)(void* writer);
};

/// The function of the module. Its number changes with the table.
using ParquetTableFunction = const ParquetTable*();
inline constexpr const char* kParquetTableFunction = "llm2clip_parquet_2";

}  // namespace llm2clip
