#include "store/run/chunk_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <span>

#include "base/checked_json.h"
#include "base/file_calls.h"
#include "base/json_text.h"
#include "base/sha256.h"
#include "llm2clip/embeddings_file.h"
#include "llm2clip/error.h"
#include "store/float16.h"
#include "store/run/packed_ids.h"
#include "store/safetensors.h"

namespace llm2clip {
namespace {

using json = nlohmann::ordered_json;

constexpr const char* kRows = "embeddings";
constexpr const char* kOutcomes = "outcomes";
constexpr const char* kFailures = "failures";
constexpr const char* kCounts = "counts";
constexpr std::size_t kDigestBytes = 32;
constexpr std::size_t kOutcomeBytes = kDigestBytes + 1;

std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

std::string_view text_of(const SafetensorsFile& file, const char* name) {
  const std::span<const std::byte> bytes = file.at(name).bytes;
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// What does not hold says that the file is damaged; read_chunk says so.
void require(bool condition) {
  if (!condition) throw Error(ErrorKind::bad_model, "a chunk is not what its record says");
}

// Messages may hold names of files, which may be any bytes; ids must come back as they were.
std::string failures_json(const std::vector<FailedInput>& failures) {
  json list = json::array();
  for (const FailedInput& failed : failures) {
    list.push_back({{"index", failed.index},
                    {"id", json_id_list(std::span(&failed.id, 1))},
                    {"stage", failed.failure.stage},
                    {"code", failed.failure.code},
                    {"message", failed.failure.message}});
  }
  return dump(list);
}

std::vector<FailedInput> parse_failures(std::string_view text) {
  const auto list = parse_checked_json(text);
  require(list && list->is_array());
  std::vector<FailedInput> failures;
  for (const json& entry : *list) {
    require(entry.is_object());
    const auto index = count_in(entry, "index");
    const auto id = text_in(entry, "id");
    const auto stage = text_in(entry, "stage");
    const auto code = text_in(entry, "code");
    const auto message = text_in(entry, "message");
    require(index && id && stage && code && message);
    std::vector<std::string> ids = parse_json_id_list(*id);
    require(ids.size() == 1);
    failures.push_back({*index, std::move(ids[0]), {*stage, *code, *message}});
  }
  return failures;
}

std::string counts_json(const std::vector<InputCount>& counts) {
  json list = json::array();
  for (const InputCount& count : counts) {
    list.push_back({{"index", count.index}, {"what", count.what}, {"count", count.count}});
  }
  return dump(list);
}

std::vector<InputCount> parse_counts(std::string_view text) {
  const auto list = parse_checked_json(text);
  require(list && list->is_array());
  std::vector<InputCount> counts;
  for (const json& entry : *list) {
    require(entry.is_object());
    const auto index = count_in(entry, "index");
    const auto what = text_in(entry, "what");
    const auto count = count_in(entry, "count");
    require(index && what && count);
    counts.push_back({*index, *what, *count});
  }
  return counts;
}

std::string outcomes_text(const std::vector<InputOutcome>& outcomes) {
  std::string text;
  text.reserve(outcomes.size() * kOutcomeBytes);
  for (const InputOutcome& outcome : outcomes)
    (text += outcome.digest) += outcome.failed ? '-' : '+';
  return text;
}

std::vector<InputOutcome> parse_outcomes(std::string_view text) {
  std::vector<InputOutcome> outcomes;
  outcomes.reserve(text.size() / kOutcomeBytes);
  for (; text.size() >= kOutcomeBytes; text.remove_prefix(kOutcomeBytes)) {
    outcomes.push_back({std::string(text.substr(0, kDigestBytes)), text[kDigestBytes] == '-'});
  }
  return outcomes;
}

Embeddings rows_of(const SafetensorsTensor& tensor, std::size_t dim) {
  require(tensor.shape.size() == 2 && tensor.shape[1] == dim);
  Embeddings rows(tensor.shape[0], dim);
  if (tensor.dtype == "F32") {
    for (std::size_t i = 0; i < rows.rows(); ++i) {
      std::memcpy(rows[i].data(), tensor.bytes.data() + i * dim * sizeof(float),
                  dim * sizeof(float));
    }
    return rows;
  }
  require(tensor.dtype == "F16");
  const std::byte* bytes = tensor.bytes.data();
  for (std::size_t i = 0; i < rows.rows(); ++i) {
    for (float& value : rows[i]) {
      std::uint16_t half = 0;
      std::memcpy(&half, bytes, sizeof half);
      value = from_float16(half);
      bytes += sizeof half;
    }
  }
  return rows;
}

// Each input of the range has one fate, in one place, in order.
void check_account(const Chunk& chunk) {
  require(chunk.ids.size() == chunk.rows.rows());
  require(chunk.outcomes.size() == chunk.end - chunk.first);
  require(chunk.ids.size() + chunk.failures.size() == chunk.outcomes.size());
  std::size_t failed = 0;
  for (std::size_t i = 0; i < chunk.outcomes.size(); ++i) {
    if (!chunk.outcomes[i].failed) continue;
    require(failed < chunk.failures.size() && chunk.failures[failed].index == chunk.first + i);
    ++failed;
  }
  require(failed == chunk.failures.size());
  std::uint64_t least = chunk.first;
  for (const InputCount& count : chunk.counts) {
    require(count.index >= least && count.index < chunk.end);
    least = count.index;
  }
}

}  // namespace

std::string short_digest(const std::string& sha256) { return sha256.substr(0, kDigestBytes); }

ChunkRecord write_chunk(const std::filesystem::path& folder, const std::string& name,
                        const Chunk& chunk, StoredPrecision precision) {
  const std::filesystem::path path = folder / name;
  const bool half = precision == StoredPrecision::float16;
  std::vector<std::uint16_t> halves;
  if (half) halves = to_float16(chunk.rows.values());
  const std::vector<std::int64_t> boundaries = boundaries_of(chunk.ids);
  std::string ids;
  for (const std::string& id : chunk.ids) ids += id;
  const std::string outcomes = outcomes_text(chunk.outcomes);
  const std::string failures = failures_json(chunk.failures);
  const std::string counts = counts_json(chunk.counts);

  const std::map<std::string, SafetensorsTensor> tensors = {
      {kIdBoundaries, {"I64", {boundaries.size()}, std::as_bytes(std::span(boundaries))}},
      {kRows,
       {half ? "F16" : "F32",
        {chunk.rows.rows(), chunk.rows.dim()},
        half ? std::as_bytes(std::span(halves)) : std::as_bytes(chunk.rows.values())}},
      {kIdBytes, {"U8", {ids.size()}, bytes_of(ids)}},
      {kOutcomes, {"U8", {chunk.outcomes.size(), kOutcomeBytes}, bytes_of(outcomes)}},
      {kFailures, {"U8", {failures.size()}, bytes_of(failures)}},
      {kCounts, {"U8", {counts.size()}, bytes_of(counts)}}};
  write_safetensors(path, tensors);
  const std::uint64_t size = std::filesystem::file_size(path);
  // It is the last of the tensors by name.
  return {.first = chunk.first,
          .end = chunk.end,
          .rows = chunk.rows.rows(),
          .file = name,
          .bytes = size,
          .sha256 = sha256_of_file(path),
          .outcomes_at = size - outcomes.size()};
}

bool chunk_is_there(const std::filesystem::path& folder, const ChunkRecord& record) {
  const std::filesystem::path path = folder / record.file;
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return false;
  if (std::filesystem::file_size(path, error) != record.bytes || error) return false;
  const std::uint64_t outcomes = record.bytes - record.outcomes_at;
  if (outcomes % kOutcomeBytes != 0 || outcomes / kOutcomeBytes != record.end - record.first) {
    return false;
  }
  return sha256_of_file(path) == record.sha256;
}

bool chunk_is_sound(const std::filesystem::path& folder, const ChunkRecord& record) {
  try {
    return chunk_is_there(folder, record);
  } catch (const Error&) {  // a disk that fails to read it
    return false;
  }
}

std::vector<InputOutcome> read_outcomes(const std::filesystem::path& folder,
                                        const ChunkRecord& record) {
  const std::filesystem::path path = folder / record.file;
  std::string text(record.bytes - record.outcomes_at, '\0');
  const int descriptor = open_file(path, O_RDONLY);
  std::size_t done = 0;
  int error = 0;
  while (done < text.size() && error == 0) {
    const ssize_t count = ::pread(descriptor, text.data() + done, text.size() - done,
                                  static_cast<off_t>(record.outcomes_at + done));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) error = count < 0 ? errno : EIO;
    if (count > 0) done += static_cast<std::size_t>(count);
  }
  ::close(descriptor);
  errno = error;
  if (error != 0) fail_io(path, "cannot be read");
  return parse_outcomes(text);
}

Chunk read_chunk(const std::filesystem::path& folder, const ChunkRecord& record, std::size_t dim) {
  const std::filesystem::path path = folder / record.file;
  try {
    const SafetensorsFile file = SafetensorsFile::open(path);
    Chunk chunk{.first = record.first,
                .end = record.end,
                .ids = unpack_ids(file),
                .rows = rows_of(file.at(kRows), dim),
                .failures = parse_failures(text_of(file, kFailures)),
                .counts = parse_counts(text_of(file, kCounts)),
                .outcomes = parse_outcomes(text_of(file, kOutcomes))};
    require(chunk.rows.rows() == record.rows);
    check_account(chunk);
    return chunk;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::bad_model) throw;  // nothing is wrong with the file
  }
  throw Error(ErrorKind::io,
              path.string() +
                  ": is damaged, or no chunk of this run; resume the run, which makes "
                  "it anew, or overwrite it");
}

}  // namespace llm2clip
