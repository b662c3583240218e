#include "store/parquet/parquet_file.h"

#include <cstdint>

#include "base/base64.h"
#include "base/json_text.h"
#include "base/loaded_module.h"
#include "llm2clip/error.h"
#include "store/float16.h"

namespace llm2clip {
namespace {

const ParquetTable& module_table() {
  static const ParquetTable& table =
      loaded_module<ParquetTable>({.purpose = "Parquet",
                                   .file = "libllm2clip-parquet.so",
                                   .symbol = kParquetTableFunction,
                                   .option = "LLM2CLIP_PARQUET=ON",
                                   .packages = "the libraries of PyPI's pyarrow"});
  return table;
}

ParquetText text_of(const std::string& text) { return {text.data(), text.size()}; }

}  // namespace

ParquetFile::ParquetFile(const std::filesystem::path& path, AtomicFile& file, const Layout& layout)
    : path_(path),
      file_(file),
      dim_(layout.dim),
      precision_(layout.precision),
      coded_ids_(layout.coded_ids) {
  std::vector<ParquetText> keys;
  std::vector<ParquetText> values;
  for (const auto& [key, value] : layout.metadata) {
    keys.push_back(text_of(key));
    values.push_back(text_of(value));
  }
  const ParquetLayout plain{.dim = layout.dim,
                            .half = layout.precision == StoredPrecision::float16,
                            .id_name = text_of(layout.id_name),
                            .coded_ids = layout.coded_ids,
                            .keys = keys.data(),
                            .values = values.data(),
                            .entries = keys.size()};
  const ParquetSink sink{this, write};
  writer_ = module_table().open(&plain, &sink, message());
  if (writer_ == nullptr) fail();
}

ParquetFile::~ParquetFile() {
  if (writer_ != nullptr) module_table().close(writer_);
}

void ParquetFile::add(std::span<const std::string> ids, const EmbeddingsView& rows) {
  std::vector<ParquetText> plain(ids.size());
  std::vector<ParquetText> coded(ids.size());
  std::vector<std::string> kept(coded_ids_ ? ids.size() : 0);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (coded_ids_ && json_string(ids[i]).empty()) {
      kept[i] = base64(ids[i]);
      coded[i] = text_of(kept[i]);
    } else {
      plain[i] = text_of(ids[i]);
    }
  }
  const std::vector<std::uint16_t> halves = dim_ > 0 && precision_ == StoredPrecision::float16
                                                ? to_float16(rows.values())
                                                : std::vector<std::uint16_t>();
  const void* const components = halves.empty() ? static_cast<const void*>(rows.values().data())
                                                : static_cast<const void*>(halves.data());
  if (!module_table().add(writer_, plain.data(), coded.data(), components, ids.size(), message())) {
    fail();
  }
}

void ParquetFile::finish() {
  if (!module_table().finish(writer_, message())) fail();
}

bool ParquetFile::write(void* context, const void* bytes, std::size_t count) {
  auto& self = *static_cast<ParquetFile*>(context);
  if (self.failure_) return false;  // Arrow ends the file when it is closed
  try {
    self.file_.write(std::span(static_cast<const std::byte*>(bytes), count));
    return true;
  } catch (...) {
    self.failure_ = std::current_exception();
    return false;
  }
}

void ParquetFile::fail() {
  if (failure_) std::rethrow_exception(failure_);
  throw Error(ErrorKind::io, path_.string() + ": cannot be written as Parquet: " + message_.data());
}

void check_parquet() { module_table(); }

}  // namespace llm2clip
