#include "store/embeddings_writer.h"

#include <map>
#include <string_view>

#include "base/check.h"
#include "base/errors_only.h"
#include "base/json_text.h"
#include "llm2clip/error.h"
#include "store/float16.h"
#include "store/npy.h"
#include "store/parquet/parquet_file.h"
#include "store/run/packed_ids.h"
#include "store/safetensors.h"

namespace llm2clip {
namespace {

constexpr std::size_t kChunkBytes = 1 << 20;
// Of the 100,000,000 bytes that a .safetensors header may have; the rest is for provenance.
constexpr std::size_t kHeaderIdBytes = 90'000'000;

// What every writer needs to know.
struct Job {
  const std::filesystem::path& path;
  const RowStream& rows;
  const Provenance& provenance;
  StoredPrecision precision;
  const std::filesystem::path& workplace;

  bool half() const { return precision == StoredPrecision::float16; }
};

// Text that goes to a file in pieces of about a megabyte.
class TextFile {
 public:
  explicit TextFile(AtomicFile& file) : file_(file) {}

  void add(std::string_view text) {
    text_ += text;
    if (text_.size() >= kChunkBytes) flush();
  }
  void flush() {
    file_.write(text_);
    text_.clear();
  }

 private:
  AtomicFile& file_;
  std::string text_;
};

std::string provenance_json(const Job& job) {
  std::string text = "{\n  \"rows\": " + std::to_string(job.rows.rows) +
                     ",\n  \"dim\": " + std::to_string(job.rows.dim) + ",\n  \"precision\": \"" +
                     to_string(job.precision) + "\"";
  for (const auto& [key, value] : job.provenance) {
    text += ",\n  " + json_string(key) + ": " + json_string(value);
  }
  return text + "\n}\n";
}

std::filesystem::path with_suffix(std::filesystem::path path, const char* suffix) {
  return path += suffix;
}

PendingFiles write_npy(const Job& job) {
  PendingFiles files;
  const std::vector<std::filesystem::path> beside = side_files(job.path);
  TextFile ids(files.add(beside[0], job.workplace));
  files.add(beside[1], job.workplace).write(provenance_json(job));
  AtomicFile& file = files.add(job.path, job.workplace);
  const std::size_t shape[] = {job.rows.rows, job.rows.dim};
  file.write(npy_header(job.precision, shape));
  job.rows.for_each_block([&](std::span<const std::string> block, const Embeddings& rows) {
    for (const std::string& id : block) ids.add("{" + json_id(id) + "}\n");
    write_components(file, rows.values(), job.precision);
  });
  ids.flush();
  return files;
}

// The ids of all rows: as JSON for the header, or, when they are more than it should hold, where
// each begins among their bytes.
struct AllIds {
  std::string json = "[";
  std::vector<std::int64_t> boundaries = {0};
  std::size_t header_bytes = 0;  // that the JSON takes there

  bool packed() const { return json.empty(); }
  void add(std::span<const std::string> ids) {
    for (const std::string& id : ids) {
      boundaries.push_back(boundaries.back() + static_cast<std::int64_t>(id.size()));
    }
    if (packed()) return;
    const std::size_t before = json.size();
    append_json_ids(json, ids);
    // Quotes and the like grow when the list becomes a string of the header.
    header_bytes += json_string(std::string_view(json).substr(before)).size();
    if (header_bytes > kHeaderIdBytes) json.clear();
  }
};

void write_packed_ids(AtomicFile& file, const Job& job) {
  TextFile bytes(file);
  job.rows.for_each_block([&](std::span<const std::string> ids, const Embeddings&) {
    for (const std::string& id : ids) bytes.add(id);
  });
  bytes.flush();
}

PendingFiles write_safetensors_rows(const Job& job) {
  AllIds ids;
  job.rows.for_each_block(
      [&](std::span<const std::string> block, const Embeddings&) { ids.add(block); });
  std::map<std::string, std::string> metadata(job.provenance.begin(), job.provenance.end());
  std::map<std::string, TensorLayout> tensors = {
      {"embeddings", {job.half() ? "F16" : "F32", {job.rows.rows, job.rows.dim}}}};
  if (ids.packed()) {
    metadata.erase("ids");
    // Before the rows, so that its values are where a reader that maps the file can take them.
    tensors[kIdBoundaries] = {"I64", {ids.boundaries.size()}};
    tensors[kIdBytes] = {"U8", {static_cast<std::size_t>(ids.boundaries.back())}};
  } else {
    metadata["ids"] = ids.json + "]";
  }

  PendingFiles files;
  AtomicFile& file = files.add(job.path, job.workplace);
  file.write(safetensors_head(job.path, tensors, metadata));
  if (ids.packed()) file.write(std::as_bytes(std::span(ids.boundaries)));
  job.rows.for_each_block([&](std::span<const std::string>, const Embeddings& rows) {
    write_components(file, rows.values(), job.precision);
  });
  if (ids.packed()) write_packed_ids(file, job);
  return files;
}

PendingFiles write_jsonl(const Job& job) {
  PendingFiles files;
  TextFile file(files.add(job.path, job.workplace));
  job.rows.for_each_block([&](std::span<const std::string> ids, const Embeddings& rows) {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      file.add(embedding_json(ids[i], rows[i], job.precision) + "\n");
    }
  });
  file.flush();
  return files;
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

PendingFiles write_csv(const Job& job) {
  PendingFiles files;
  TextFile file(files.add(job.path, job.workplace));
  std::string line = "id";
  for (std::size_t j = 0; j < job.rows.dim; ++j) line += ",e" + std::to_string(j);
  file.add(line + "\n");
  job.rows.for_each_block([&](std::span<const std::string> ids, const Embeddings& rows) {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      line = csv_field(ids[i]);
      for (const float value : rows[i]) {
        line += ',';
        append_number(line, as_stored(value, job.precision));
      }
      file.add(line + "\n");
    }
  });
  file.flush();
  return files;
}

PendingFiles write_parquet(const Job& job) {
  if (job.rows.dim == 0) {
    throw Error(ErrorKind::invalid_argument,
                job.path.string() + ": Parquet has no rows without components; write .npy");
  }
  PendingFiles files;
  ParquetFile file(job.path, files.add(job.path, job.workplace),
                   {.dim = job.rows.dim,
                    .precision = job.precision,
                    .coded_ids = !all_are_text(job.rows),
                    .metadata = job.provenance});
  job.rows.for_each_block([&](std::span<const std::string> ids, const Embeddings& rows) {
    if (!ids.empty()) file.add(ids, rows);
  });
  file.finish();
  return files;
}

using Writer = PendingFiles (*)(const Job&);

Writer writer_for(const std::filesystem::path& path) {
  const std::string ending = path.extension().string();
  if (ending == ".npy") return write_npy;
  if (ending == ".safetensors") return write_safetensors_rows;
  if (ending == ".jsonl") return write_jsonl;
  if (ending == ".csv") return write_csv;
  if (ending == ".parquet") return write_parquet;
  throw Error(
      ErrorKind::invalid_argument,
      path.string() + ": the name must end in .npy, .safetensors, .parquet, .jsonl or .csv");
}

}  // namespace

void write_components(AtomicFile& file, std::span<const float> values, StoredPrecision precision) {
  if (precision == StoredPrecision::float32) {
    file.write(std::as_bytes(values));
    return;
  }
  const std::vector<std::uint16_t> halves = to_float16(values);
  file.write(std::as_bytes(std::span(halves)));
}

bool all_are_text(const RowStream& rows) {
  bool all = true;
  rows.for_each_block([&](std::span<const std::string> ids, const Embeddings&) {
    for (const std::string& id : ids) all = all && !json_string(id).empty();
  });
  return all;
}

AtomicFile& PendingFiles::add(const std::filesystem::path& path,
                              const std::filesystem::path& workplace) {
  return *files_.emplace_back(std::make_unique<AtomicFile>(path, workplace));
}

const std::filesystem::path& PendingFiles::close() {
  LLM2CLIP_CHECK(!files_.empty());
  const std::filesystem::path* last = nullptr;
  for (const auto& file : files_) last = &file->close();
  return *last;
}

void PendingFiles::commit() {
  for (const auto& file : files_) file->commit();
}

std::string embedding_json(std::string_view id, std::span<const float> row,
                           StoredPrecision precision) {
  return errors_only("embeddings", [&] {
    std::string text = "{" + json_id(id) + ",\"embedding\":[";
    for (std::size_t j = 0; j < row.size(); ++j) {
      if (j > 0) text += ',';
      append_number(text, as_stored(row[j], precision));
    }
    return text + "]}";
  });
}

PendingFiles write_rows(const std::filesystem::path& path, const RowStream& rows,
                        const Provenance& provenance, StoredPrecision precision,
                        const std::filesystem::path& workplace) {
  return writer_for(path)({path, rows, provenance, precision, workplace});
}

std::vector<std::filesystem::path> side_files(const std::filesystem::path& path) {
  if (path.extension() != ".npy") return {};
  return {with_suffix(path, ".ids.jsonl"), with_suffix(path, ".json")};
}

void check_ending(const std::filesystem::path& path) {
  if (writer_for(path) == write_parquet) check_parquet();
}

}  // namespace llm2clip
