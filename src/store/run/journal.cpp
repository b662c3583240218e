#include "store/run/journal.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <optional>

#include "base/checked_json.h"
#include "base/file_calls.h"

namespace llm2clip {
namespace {

using json = nlohmann::ordered_json;

constexpr std::size_t kCrcDigits = 8;

// A line is "<CRC-32 of the JSON, 8 hex digits> <JSON>\n".
std::string crc_digits(std::string_view text) {
  const uLong crc = ::crc32_z(0, reinterpret_cast<const Bytef*>(text.data()), text.size());
  std::array<char, kCrcDigits + 1> digits{};
  std::snprintf(digits.data(), digits.size(), "%08lx", crc);
  return digits.data();
}

// The JSON of a line that is whole.
std::optional<json> parse_line(std::string_view line) {
  if (line.size() <= kCrcDigits || line[kCrcDigits] != ' ') return std::nullopt;
  const std::string_view text = line.substr(kCrcDigits + 1);
  if (crc_digits(text) != line.substr(0, kCrcDigits)) return std::nullopt;
  std::optional<json> value = parse_checked_json(text);
  return value && value->is_object() ? value : std::nullopt;
}

// Names that write_chunk gives, which lead nowhere else.
bool is_chunk_name(std::string_view name) {
  constexpr std::string_view kStart = "chunk-";
  constexpr std::string_view kEnd = ".safetensors";
  if (!name.starts_with(kStart) || !name.ends_with(kEnd)) return false;
  name.remove_prefix(kStart.size());
  if (name.size() <= kEnd.size()) return false;
  name.remove_suffix(kEnd.size());
  return name.find_first_not_of("0123456789") == std::string_view::npos;
}

std::optional<ChunkRecord> chunk_of(const json& line) {
  const auto first = count_in(line, "first");
  const auto end = count_in(line, "end");
  const auto rows = count_in(line, "rows");
  const auto file = text_in(line, "file");
  const auto bytes = count_in(line, "bytes");
  const auto sha256 = text_in(line, "sha256");
  const auto outcomes_at = count_in(line, "outcomes_at");
  if (!first || !end || !rows || !file || !bytes || !sha256 || !outcomes_at) return std::nullopt;
  const bool sound = *first < *end && *rows <= *end - *first && is_chunk_name(*file) &&
                     is_sha256(*sha256) && *outcomes_at <= *bytes;
  if (!sound) return std::nullopt;
  return ChunkRecord{*first, *end, *rows, *file, *bytes, *sha256, *outcomes_at};
}

std::optional<RunEnd> end_of(const json& line) {
  const auto inputs = count_in(line, "inputs");
  const auto listed = count_in(line, "listed");
  const auto list_sha256 = text_in(line, "list_sha256");
  if (!inputs || !listed || !list_sha256) return std::nullopt;
  if (*inputs > *listed || !is_sha256(*list_sha256)) return std::nullopt;
  return RunEnd{*inputs, *listed, *list_sha256};
}

}  // namespace

JournalContent parse_journal(std::string_view text) {
  JournalContent content;
  while (!content.finished) {
    const std::size_t end = text.find('\n', content.good_bytes);
    if (end == std::string_view::npos) break;
    const auto line = parse_line(text.substr(content.good_bytes, end - content.good_bytes));
    if (!line) break;
    if (line->contains("finished")) {
      content.finished = end_of(*line);
      if (!content.finished) break;
    } else if (const auto chunk = chunk_of(*line)) {
      content.chunks.push_back(*chunk);
    } else {
      break;
    }
    content.good_bytes = end + 1;
    if (!content.finished) content.chunk_bytes = content.good_bytes;
  }
  return content;
}

Journal::Journal(std::filesystem::path path, const JournalContent& content)
    : path_(std::move(path)) {
  descriptor_ = open_file(path_, O_WRONLY | O_CREAT);
  try {
    cut(content.good_bytes);
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
  if (content.finished) finished_at_ = content.chunk_bytes;
}

void Journal::cut(std::uint64_t bytes) {
  if (::ftruncate(descriptor_, static_cast<off_t>(bytes)) != 0) {
    fail_io(path_, "cannot be cut to its last good line");
  }
  ::lseek(descriptor_, 0, SEEK_END);
}

Journal::~Journal() { ::close(descriptor_); }

void Journal::append(const ChunkRecord& chunk) {
  append_line(json{{"first", chunk.first},
                   {"end", chunk.end},
                   {"rows", chunk.rows},
                   {"file", chunk.file},
                   {"bytes", chunk.bytes},
                   {"sha256", chunk.sha256},
                   {"outcomes_at", chunk.outcomes_at}}
                  .dump());
}

void Journal::append_finished(const RunEnd& end) {
  append_line(json{{"finished", true},
                   {"inputs", end.inputs},
                   {"listed", end.listed},
                   {"list_sha256", end.list_sha256}}
                  .dump());
}

void Journal::append_line(const std::string& text) {
  if (finished_at_) cut(*finished_at_);
  finished_at_.reset();
  const std::string line = crc_digits(text) + " " + text + "\n";
  write_all(descriptor_, std::as_bytes(std::span(line)), path_);
  sync_file(descriptor_, path_);
}

}  // namespace llm2clip
