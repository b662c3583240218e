#include "store/journal.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "store/file_calls.h"

namespace llm2clip {
namespace {

using nlohmann::json;

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
  json value = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!value.is_object()) return std::nullopt;
  return value;
}

bool is_count(const json& value, const char* key) {
  return value.contains(key) && value[key].is_number_unsigned();
}

bool is_name(const json& value, const char* key) {
  return value.contains(key) && value[key].is_string() && !value[key].get_ref<const std::string&>().empty();
}

std::optional<ShardRecord> shard_of(const json& line) {
  for (const char* key : {"first", "end", "rows", "bytes"}) {
    if (!is_count(line, key)) return std::nullopt;
  }
  for (const char* key : {"file", "sha256", "inputs_sha256"}) {
    if (!is_name(line, key)) return std::nullopt;
  }
  ShardRecord shard{line["first"], line["end"],    line["rows"],         line["file"],
                    line["bytes"], line["sha256"], line["inputs_sha256"]};
  const bool sound = shard.first < shard.end && shard.rows <= shard.end - shard.first &&
                     shard.file.find('/') == std::string::npos;
  return sound ? std::optional(shard) : std::nullopt;
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
      content.finished = true;
    } else if (const auto shard = shard_of(*line)) {
      content.shards.push_back(*shard);
    } else {
      break;
    }
    content.good_bytes = end + 1;
  }
  return content;
}

Journal::Journal(std::filesystem::path path, std::uint64_t good_bytes) : path_(std::move(path)) {
  descriptor_ = open_file(path_, O_WRONLY | O_CREAT);
  if (::ftruncate(descriptor_, static_cast<off_t>(good_bytes)) != 0) {
    const int error = errno;
    ::close(descriptor_);
    errno = error;
    fail_io(path_, "cannot be cut to its last good line");
  }
  ::lseek(descriptor_, 0, SEEK_END);
}

Journal::~Journal() { ::close(descriptor_); }

void Journal::append(const ShardRecord& shard) {
  append_line(json{{"first", shard.first},
                   {"end", shard.end},
                   {"rows", shard.rows},
                   {"file", shard.file},
                   {"bytes", shard.bytes},
                   {"sha256", shard.sha256},
                   {"inputs_sha256", shard.inputs_sha256}}
                  .dump());
}

void Journal::append_finished() { append_line(json{{"finished", true}}.dump()); }

void Journal::append_line(const std::string& text) {
  const std::string line = crc_digits(text) + " " + text + "\n";
  write_all(descriptor_, std::as_bytes(std::span(line)), path_);
  sync_file(descriptor_, path_);
}

}  // namespace llm2clip
