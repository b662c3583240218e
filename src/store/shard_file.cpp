#include "store/shard_file.h"

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "llm2clip/embeddings_file.h"
#include "llm2clip/error.h"
#include "store/json_text.h"
#include "store/sha256.h"

namespace llm2clip {
namespace {

using nlohmann::json;

constexpr const char* kFailures = "failures";
constexpr const char* kCounts = "counts";

std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
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

std::vector<FailedInput> parse_failures(const std::string& text) {
  std::vector<FailedInput> failures;
  for (const json& entry : json::parse(text)) {
    failures.push_back({entry.at("index").get<std::uint64_t>(),
                        parse_json_id_list(entry.at("id").get<std::string>()).at(0),
                        {entry.at("stage"), entry.at("code"), entry.at("message")}});
  }
  return failures;
}

}  // namespace

ShardRecord write_shard(const std::filesystem::path& folder, const std::string& name,
                        const Shard& shard, StoredPrecision precision) {
  const std::filesystem::path path = folder / name;
  write_embeddings(path,
                   {.embeddings = shard.rows,
                    .ids = shard.ids,
                    .provenance = {{kFailures, failures_json(shard.failures)},
                                   {kCounts, dump(shard.counts)}}},
                   precision);
  return {.first = shard.first,
          .end = shard.end,
          .rows = shard.rows.rows(),
          .file = name,
          .bytes = std::filesystem::file_size(path),
          .sha256 = sha256_of_file(path),
          .inputs_sha256 = {}};
}

bool shard_is_sound(const std::filesystem::path& folder, const ShardRecord& record) {
  const std::filesystem::path path = folder / record.file;
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return false;
  if (std::filesystem::file_size(path, error) != record.bytes || error) return false;
  try {
    return sha256_of_file(path) == record.sha256;
  } catch (const Error&) {  // a disk that fails to read it
    return false;
  }
}

Shard read_shard(const std::filesystem::path& folder, const ShardRecord& record) {
  const std::filesystem::path path = folder / record.file;
  try {
    EmbeddingsFile file = read_embeddings(path);
    Shard shard{record.first, record.end, std::move(file.ids), std::move(file.embeddings), {}, {}};
    for (const auto& [key, value] : file.provenance) {
      if (key == kFailures) shard.failures = parse_failures(value);
      if (key == kCounts) shard.counts = json::parse(value).get<decltype(shard.counts)>();
    }
    if (shard.rows.rows() + shard.failures.size() == record.end - record.first) return shard;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::bad_model) throw;  // nothing is wrong with the file
  } catch (const json::exception&) {
  } catch (const std::out_of_range&) {
  }
  throw Error(ErrorKind::io, path.string() + ": is damaged; --resume makes it anew");
}

}  // namespace llm2clip
