#include "llm2clip/embeddings_file.h"

#include <cstring>
#include <fstream>

#include "base/checked_json.h"
#include "base/errors_only.h"
#include "base/file_calls.h"
#include "base/json_text.h"
#include "llm2clip/error.h"
#include "store/embeddings_writer.h"
#include "store/float16.h"
#include "store/npy.h"
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

void check_count(const std::filesystem::path& path, std::size_t ids, std::size_t rows) {
  if (ids == rows) return;
  refuse_content(path, std::to_string(ids) + " ids for " + std::to_string(rows) + " rows");
}

std::string id_of_line(const std::filesystem::path& path, const std::string& line) {
  if (const auto json = parse_checked_json(line); json && json->is_object()) {
    if (const auto id = text_in(*json, "id")) return *id;
    if (const auto coded = text_in(*json, "id_base64")) return from_base64(*coded);
  }
  refuse_content(path, "expected a line {\"id\": \"...\"} for each row");
}

std::vector<std::string> ids_beside(const std::filesystem::path& path, std::size_t rows) {
  std::vector<std::string> ids;
  if (!std::filesystem::exists(path)) {
    for (std::size_t i = 0; i < rows; ++i) ids.push_back(std::to_string(i));
    return ids;
  }
  std::ifstream file(path, std::ios::binary);
  for (std::string line; std::getline(file, line);) ids.push_back(id_of_line(path, line));
  check_count(path, ids.size(), rows);
  return ids;
}

Provenance provenance_beside(const std::filesystem::path& path) {
  Provenance provenance;
  if (!std::filesystem::exists(path)) return provenance;
  const auto json = parse_checked_json(read_text(path));
  if (!json || !json->is_object()) refuse_content(path, "expected a JSON object");
  for (const auto& [key, value] : json->items()) {
    if (key != "precision" && value.is_string()) provenance.emplace_back(key, value);
  }
  return provenance;
}

EmbeddingsFile read_npy(const std::filesystem::path& path) {
  const std::vector<std::filesystem::path> beside = side_files(path);
  EmbeddingsFile content{.embeddings = read_npy_rows(path), .ids = {}, .provenance = {}};
  content.ids = ids_beside(beside[0], content.embeddings.rows());
  content.provenance = provenance_beside(beside[1]);
  return content;
}

// The ids of rows without components bound how many there are; nothing else does.
EmbeddingsFile read_safetensors(const std::filesystem::path& path) {
  const SafetensorsFile file = SafetensorsFile::open(path);
  const SafetensorsTensor& tensor = file.at("embeddings");
  const auto ids = file.metadata().find("ids");
  const bool packed = ids == file.metadata().end() && file.find(kIdBytes) != nullptr;
  if (tensor.shape.size() != 2 || (ids == file.metadata().end() && !packed)) {
    refuse_content(path, "expected rows with ids, as embed-image and embed-text write");
  }
  EmbeddingsFile content;
  content.ids = packed ? unpack_ids(file) : parse_json_id_list(ids->second);
  check_count(path, content.ids.size(), tensor.shape[0]);
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
  return errors_only(path, [&] {
    if (path.extension() == ".npy") return read_npy(path);
    if (path.extension() == ".safetensors") return read_safetensors(path);
    throw Error(ErrorKind::invalid_argument,
                path.string() + ": .npy and .safetensors files are read; write one of them");
  });
}

}  // namespace llm2clip
