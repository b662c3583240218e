#include "llm2clip/embeddings_file.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <functional>
#include <utility>

#include "base/base64.h"
#include "base/checked_json.h"
#include "base/errors_only.h"
#include "base/file_calls.h"
#include "base/json_text.h"
#include "llm2clip/detail/rows_of_file.h"
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

// What is done with a file of rows: first with all that is about them, then with each.
struct RowVisit {
  const std::function<void(const detail::RowsOfFile& about)>& begin;
  const std::function<void(const std::string& id, std::span<const float> row)>& take;
};

// One row of a file. Where there is none, nothing bounds how many components it would have.
std::vector<float> space_for_a_row(std::size_t rows, std::size_t dim) {
  return std::vector<float>(rows == 0 ? 0 : dim);
}

// Rows of a tensor, one after the other.
class TensorRows {
 public:
  TensorRows(const std::filesystem::path& path, const SafetensorsTensor& tensor)
      : bytes_(tensor.bytes),
        half_(tensor.dtype == "F16"),
        row_(space_for_a_row(tensor.shape[0], tensor.shape[1])) {
    if (half_ || tensor.dtype == "F32") return;
    refuse_content(path, "embeddings are " + tensor.dtype + ", expected F32 or F16");
  }

  std::span<const float> next() {
    for (float& value : row_) value = half_ ? from_float16(take<std::uint16_t>()) : take<float>();
    return row_;
  }

 private:
  template <typename T>
  T take() {
    T value;
    std::memcpy(&value, bytes_.data(), sizeof value);
    bytes_ = bytes_.subspan(sizeof value);
    return value;
  }

  std::span<const std::byte> bytes_;
  bool half_;
  std::vector<float> row_;
};

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

// The ids beside a .npy file, one a line; without a file the numbers of the rows.
class IdsBeside {
 public:
  IdsBeside(std::filesystem::path path, std::size_t rows)
      : path_(std::move(path)), there_(std::filesystem::exists(path_)) {
    if (!there_) return;
    // Before the first row is taken.
    std::ifstream lines(path_, std::ios::binary);
    std::size_t count = 0;
    for (std::string line; std::getline(lines, line);) ++count;
    check_count(path_, count, rows);
    file_.open(path_, std::ios::binary);
  }

  std::string next() {
    if (!there_) return std::to_string(number_++);
    std::string line;
    std::getline(file_, line);
    return id_of_line(path_, line);
  }

 private:
  std::filesystem::path path_;
  bool there_;
  std::ifstream file_;
  std::size_t number_ = 0;
};

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

void visit_npy(const std::filesystem::path& path, const RowVisit& visit) {
  const std::vector<std::filesystem::path> beside = side_files(path);
  NpyRows file(path);
  IdsBeside ids(beside[0], file.rows());
  visit.begin({file.rows(), file.dim(), provenance_beside(beside[1])});
  std::vector<float> row = space_for_a_row(file.rows(), file.dim());
  for (std::size_t i = 0; i < file.rows(); ++i) {
    file.read(row);
    visit.take(ids.next(), row);
  }
}

// The ids of rows without components bound how many there are; nothing else does.
void visit_safetensors(const std::filesystem::path& path, const RowVisit& visit) {
  const SafetensorsFile file = SafetensorsFile::open(path);
  const SafetensorsTensor& tensor = file.at("embeddings");
  const auto listed = file.metadata().find("ids");
  const bool packed = listed == file.metadata().end() && file.find(kIdBytes) != nullptr;
  if (tensor.shape.size() != 2 || (listed == file.metadata().end() && !packed)) {
    refuse_content(path, "expected rows with ids, as embed-image and embed-text write");
  }
  const std::vector<std::string> ids =
      packed ? unpack_ids(file) : parse_json_id_list(listed->second);
  check_count(path, ids.size(), tensor.shape[0]);
  TensorRows rows(path, tensor);
  Provenance provenance;
  for (const auto& entry : file.metadata()) {
    if (entry.first != "ids") provenance.push_back(entry);
  }
  visit.begin({tensor.shape[0], tensor.shape[1], std::move(provenance)});
  for (const std::string& id : ids) visit.take(id, rows.next());
}

void visit_rows(const std::filesystem::path& path, const RowVisit& visit) {
  if (path.extension() == ".npy") return visit_npy(path, visit);
  if (path.extension() == ".safetensors") return visit_safetensors(path, visit);
  throw Error(ErrorKind::invalid_argument,
              path.string() + ": .npy and .safetensors files are read; write one of them");
}

}  // namespace

void detail::read_rows(
    const std::filesystem::path& path, const std::function<void(const RowsOfFile& about)>& begin,
    const std::function<void(const std::string& id, std::span<const float> row)>& take) {
  errors_only(path, [&] { visit_rows(path, {begin, take}); });
}

void write_embeddings(const std::filesystem::path& path, const EmbeddingsFile& content,
                      StoredPrecision precision) {
  errors_only(path, [&] { write_checked(path, content, precision); });
}

EmbeddingsFile read_embeddings(const std::filesystem::path& path) {
  return errors_only(path, [&] {
    EmbeddingsFile content;
    std::size_t row = 0;
    visit_rows(path, {[&](const detail::RowsOfFile& about) {
                        content.embeddings = Embeddings(about.rows, about.dim);
                        content.provenance = about.provenance;
                      },
                      [&](const std::string& id, std::span<const float> values) {
                        content.ids.push_back(id);
                        std::ranges::copy(values, content.embeddings[row++].begin());
                      }});
    return content;
  });
}

}  // namespace llm2clip
