#include "llm2clip/embeddings_file.h"

#include <cstring>

#include "base/errors_only.h"
#include "base/json_text.h"
#include "llm2clip/error.h"
#include "store/embeddings_writer.h"
#include "store/float16.h"
#include "store/run/packed_ids.h"
#include "store/safetensors.h"

namespace llm2clip {
namespace {

[[noreturn]] void refuse_content(const std::filesystem::path& path, const std::string& why) {
  throw Error(ErrorKind::bad_model, path.string() + ": " + why);
}

Embeddings rows_of(const std::filesystem::path& path, const SafetensorsTensor& tensor) {
  const bool half = tensor.dtype == "F16";
  if (!half && tensor.dtype != "F32") {
    refuse_content(path, "embeddings are " + tensor.dtype + ", expected F32 or F16");
  }
  Embeddings rows(tensor.shape[0], tensor.shape[1]);
  const std::byte* bytes = tensor.bytes.data();
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    for (float& value : rows[i]) {
      if (half) {
        std::uint16_t bits = 0;
        std::memcpy(&bits, bytes, sizeof bits);
        value = from_float16(bits);
        bytes += sizeof bits;
      } else {
        std::memcpy(&value, bytes, sizeof value);
        bytes += sizeof value;
      }
    }
  }
  return rows;
}

void write_checked(const std::filesystem::path& path, const EmbeddingsFile& content,
                   StoredPrecision precision) {
  if (content.ids.size() != content.embeddings.rows()) {
    throw Error(ErrorKind::invalid_argument,
                path.string() + ": " + std::to_string(content.ids.size()) + " ids for " +
                    std::to_string(content.embeddings.rows()) + " rows");
  }
  for (const auto& [key, value] : content.provenance) {
    if (json_string(key).empty() || json_string(value).empty()) {
      throw Error(ErrorKind::invalid_argument, path.string() + ": provenance must be UTF-8");
    }
  }
  const RowStream rows = {content.embeddings.rows(), content.embeddings.dim(),
                          [&](const auto& take) { take(content.ids, content.embeddings); }};
  write_rows(path, rows, content.provenance, precision).commit();
}

// The ids of rows without components bound how many there are; nothing else does.
EmbeddingsFile read_checked(const std::filesystem::path& path) {
  if (path.extension() != ".safetensors") {
    throw Error(ErrorKind::invalid_argument,
                path.string() + ": only .safetensors files are read; write one under such a name");
  }
  const SafetensorsFile file = SafetensorsFile::open(path);
  const SafetensorsTensor& tensor = file.at("embeddings");
  const auto ids = file.metadata().find("ids");
  const bool packed = ids == file.metadata().end() && file.find(kIdBytes) != nullptr;
  if (tensor.shape.size() != 2 || (ids == file.metadata().end() && !packed)) {
    refuse_content(path, "expected rows with ids, as embed-image and embed-text write");
  }
  EmbeddingsFile content;
  content.ids = packed ? unpack_ids(file) : parse_json_id_list(ids->second);
  if (content.ids.size() != tensor.shape[0]) {
    refuse_content(path, std::to_string(content.ids.size()) + " ids for " +
                             std::to_string(tensor.shape[0]) + " rows");
  }
  content.embeddings = rows_of(path, tensor);
  for (const auto& entry : file.metadata()) {
    if (entry.first != "ids") content.provenance.push_back(entry);
  }
  return content;
}

}  // namespace

void write_embeddings(const std::filesystem::path& path, const EmbeddingsFile& content,
                      StoredPrecision precision) {
  errors_only(path, [&] { write_checked(path, content, precision); });
}

EmbeddingsFile read_embeddings(const std::filesystem::path& path) {
  return errors_only(path, [&] { return read_checked(path); });
}

}  // namespace llm2clip
