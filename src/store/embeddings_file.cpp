#include "llm2clip/embeddings_file.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <string_view>
#include <system_error>

#include "llm2clip/error.h"
#include "store/atomic_file.h"
#include "store/float16.h"
#include "store/json_text.h"
#include "store/npy.h"
#include "store/safetensors.h"

namespace llm2clip {
namespace {

constexpr std::size_t kChunkBytes = 1 << 20;

[[noreturn]] void fail_io(const std::filesystem::path& path, const std::string& message) {
  throw Error(ErrorKind::io, path.string() + ": " + message);
}

// Text that goes to the file in pieces of about a megabyte.
class TextFile {
 public:
  explicit TextFile(const std::filesystem::path& path) : file_(path) {}

  void add(std::string_view text) {
    text_ += text;
    if (text_.size() >= kChunkBytes) flush();
  }
  void commit() {
    flush();
    file_.commit();
  }

 private:
  void flush() {
    file_.write(text_);
    text_.clear();
  }

  AtomicFile file_;
  std::string text_;
};

std::string provenance_json(const EmbeddingsFile& content, StoredPrecision precision) {
  const bool half = precision == StoredPrecision::float16;
  std::string text = "{\n  \"rows\": " + std::to_string(content.embeddings.rows()) +
                     ",\n  \"dim\": " + std::to_string(content.embeddings.dim()) +
                     ",\n  \"precision\": \"" + (half ? "float16" : "float32") + "\"";
  for (const auto& [key, value] : content.provenance) {
    text += ",\n  " + json_string(key) + ": " + json_string(value);
  }
  return text + "\n}\n";
}

std::filesystem::path with_suffix(std::filesystem::path path, const char* suffix) {
  return path += suffix;
}

// The rows last: whoever sees them finds the rest beside them.
void write_npy(const std::filesystem::path& path, const EmbeddingsFile& content,
               StoredPrecision precision) {
  TextFile ids(with_suffix(path, ".ids.jsonl"));
  for (const std::string& id : content.ids) ids.add("{" + json_id(id) + "}\n");
  TextFile provenance(with_suffix(path, ".json"));
  provenance.add(provenance_json(content, precision));

  const Embeddings& rows = content.embeddings;
  const std::size_t shape[] = {rows.rows(), rows.dim()};
  AtomicFile file(path);
  if (precision == StoredPrecision::float16) {
    file.write(npy_header("<f2", shape));
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      const std::vector<std::uint16_t> halves = to_float16(rows[i]);
      file.write(std::as_bytes(std::span(halves)));
    }
  } else {
    file.write(npy_header("<f4", shape));
    file.write(std::as_bytes(rows.values()));
  }
  ids.commit();
  provenance.commit();
  file.commit();
}

void write_safetensors_file(const std::filesystem::path& path, const EmbeddingsFile& content,
                            StoredPrecision precision) {
  std::map<std::string, std::string> metadata(content.provenance.begin(), content.provenance.end());
  metadata["ids"] = json_id_list(content.ids);
  const Embeddings& rows = content.embeddings;
  std::vector<std::uint16_t> halves;
  SafetensorsTensor tensor{"F32", {rows.rows(), rows.dim()}, std::as_bytes(rows.values())};
  if (precision == StoredPrecision::float16) {
    halves = to_float16(rows.values());
    tensor.dtype = "F16";
    tensor.bytes = std::as_bytes(std::span(halves));
  }
  write_safetensors(path, {{"embeddings", tensor}}, metadata);
}

void write_jsonl(const std::filesystem::path& path, const EmbeddingsFile& content,
                 StoredPrecision precision) {
  TextFile file(path);
  for (std::size_t i = 0; i < content.ids.size(); ++i) {
    file.add(embedding_json(content.ids[i], content.embeddings[i], precision) + "\n");
  }
  file.commit();
}

// RFC 4180, with line feeds; ids keep their bytes.
std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

float as_stored(float value, StoredPrecision precision) {
  return precision == StoredPrecision::float16 ? from_float16(to_float16(value)) : value;
}

void write_csv(const std::filesystem::path& path, const EmbeddingsFile& content,
               StoredPrecision precision) {
  TextFile file(path);
  std::string line = "id";
  for (std::size_t j = 0; j < content.embeddings.dim(); ++j) line += ",e" + std::to_string(j);
  file.add(line + "\n");
  for (std::size_t i = 0; i < content.ids.size(); ++i) {
    line = csv_field(content.ids[i]);
    for (const float value : content.embeddings[i]) {
      line += ',';
      append_number(line, as_stored(value, precision));
    }
    file.add(line + "\n");
  }
  file.commit();
}

[[noreturn]] void refuse_content(const std::filesystem::path& path, const std::string& why) {
  throw Error(ErrorKind::bad_model, path.string() + ": " + why);
}

Embeddings rows_of(const std::filesystem::path& path, const SafetensorsTensor& tensor) {
  Embeddings rows(tensor.shape[0], tensor.shape[1]);
  const std::byte* bytes = tensor.bytes.data();
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    for (float& value : rows[i]) {
      if (tensor.dtype == "F32") {
        std::memcpy(&value, bytes, sizeof value);
        bytes += sizeof value;
      } else if (tensor.dtype == "F16") {
        std::uint16_t half = 0;
        std::memcpy(&half, bytes, sizeof half);
        value = from_float16(half);
        bytes += sizeof half;
      } else {
        refuse_content(path, "embeddings are " + tensor.dtype + ", expected F32 or F16");
      }
    }
  }
  return rows;
}

using Writer = void (*)(const std::filesystem::path&, const EmbeddingsFile&, StoredPrecision);

Writer writer_for(const std::filesystem::path& path) {
  const std::string ending = path.extension().string();
  if (ending == ".npy") return write_npy;
  if (ending == ".safetensors") return write_safetensors_file;
  if (ending == ".jsonl") return write_jsonl;
  if (ending == ".csv") return write_csv;
  throw Error(ErrorKind::invalid_argument,
              path.string() + ": the name must end in .npy, .safetensors, .jsonl or .csv");
}

}  // namespace

std::string embedding_json(std::string_view id, std::span<const float> row,
                           StoredPrecision precision) {
  std::string text = "{" + json_id(id) + ",\"embedding\":[";
  for (std::size_t j = 0; j < row.size(); ++j) {
    if (j > 0) text += ',';
    append_number(text, as_stored(row[j], precision));
  }
  return text + "]}";
}

void write_embeddings(const std::filesystem::path& path, const EmbeddingsFile& content,
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
  writer_for(path)(path, content, precision);
}

EmbeddingsFile read_embeddings(const std::filesystem::path& path) {
  if (path.extension() != ".safetensors") {
    throw Error(
        ErrorKind::invalid_argument,
        path.string() + ": only .safetensors files are read; write one with -o NAME.safetensors");
  }
  const SafetensorsFile file = SafetensorsFile::open(path);
  const SafetensorsTensor& tensor = file.at("embeddings");
  const auto ids = file.metadata().find("ids");
  if (tensor.shape.size() != 2 || ids == file.metadata().end()) {
    refuse_content(path, "expected rows with ids, as embed-image and embed-text write");
  }
  EmbeddingsFile content{.embeddings = rows_of(path, tensor), .ids = {}, .provenance = {}};
  content.ids = parse_json_id_list(ids->second);
  if (content.ids.size() != content.embeddings.rows()) {
    refuse_content(path, std::to_string(content.ids.size()) + " ids for " +
                             std::to_string(content.embeddings.rows()) + " rows");
  }
  for (const auto& fact : file.metadata()) {
    if (fact.first != "ids") content.provenance.push_back(fact);
  }
  return content;
}

void check_output_path(const std::filesystem::path& path) {
  const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (std::filesystem::is_directory(status)) fail_io(path, "is a directory");
  if (error && error.value() == ENAMETOOLONG) fail_io(path, error.message());
  if (!std::filesystem::is_directory(folder, error)) {
    fail_io(path, "the folder " + folder.string() + " does not exist; create it first");
  }
  if (::access(folder.c_str(), W_OK | X_OK) != 0) {
    fail_io(path, "the folder " + folder.string() +
                      " cannot be written to: " + std::generic_category().message(errno));
  }
}

void check_embeddings_path(const std::filesystem::path& path) {
  writer_for(path);
  check_output_path(path);
}

void write_file(const std::filesystem::path& path, std::span<const std::uint8_t> bytes) {
  AtomicFile file(path);
  file.write(std::as_bytes(bytes));
  file.commit();
}

}  // namespace llm2clip
