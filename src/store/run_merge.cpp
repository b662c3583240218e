#include "store/run_merge.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "llm2clip/error.h"
#include "store/embeddings_writer.h"
#include "store/file_calls.h"
#include "store/json_text.h"
#include "store/sha256.h"
#include "store/shard_file.h"

namespace llm2clip {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::ordered_json;

constexpr std::size_t kBlockRows = 4096;

fs::path with_suffix(fs::path path, const char* suffix) { return path += suffix; }

std::uint64_t inputs_of(const RunParts& run) {
  return run.shards.empty() ? 0 : run.shards.back().end;
}

// Walks over the inputs of one run in order, one part in memory at a time.
class PartsReader {
 public:
  explicit PartsReader(const RunParts& run) : run_(run) {}

  // The next input failed, or has a row.
  const FailedInput* failure() {
    open();
    const bool failed = failures_ < shard_.failures.size() &&
                        shard_.failures[failures_].index == shard_.first + failures_ + rows_;
    return failed ? &shard_.failures[failures_] : nullptr;
  }
  const std::string& id() const { return shard_.ids[rows_]; }
  std::span<const float> row() const { return shard_.rows[rows_]; }

  void skip(bool failed) { ++(failed ? failures_ : rows_); }
  const std::map<std::string, std::uint64_t>& counts() const { return counts_; }

 private:
  void open() {
    if (opened_ && failures_ + rows_ < shard_.end - shard_.first) return;
    shard_ = read_shard(run_.folder, run_.shards.at(next_++));
    for (const auto& [what, count] : shard_.counts) counts_[what] += count;
    opened_ = true;
    failures_ = rows_ = 0;
  }

  const RunParts& run_;
  std::size_t next_ = 0;
  Shard shard_;
  bool opened_ = false;
  std::size_t failures_ = 0;  // of the shard, passed
  std::size_t rows_ = 0;
  std::map<std::string, std::uint64_t> counts_;
};

// Input i of all is input i / runs of run i % runs.
void check_shares(std::span<const RunParts> runs, std::uint64_t inputs) {
  for (std::size_t k = 0; k < runs.size(); ++k) {
    const std::uint64_t share = (inputs + runs.size() - 1 - k) / runs.size();
    if (inputs_of(runs[k]) == share) continue;
    throw Error(ErrorKind::io, runs[k].folder.string() + ": has " +
                                   std::to_string(inputs_of(runs[k])) + " inputs, " +
                                   std::to_string(share) + " of " + std::to_string(inputs) +
                                   " would be its share; the runs had different lists");
  }
}

struct Rows {
  std::vector<std::string> ids;
  std::vector<float> values;
};

void give(Rows& rows, std::size_t dim, const TakeRows& take) {
  Embeddings block(rows.ids.size(), dim);
  for (std::size_t i = 0; i < block.rows(); ++i) {
    std::copy_n(rows.values.begin() + static_cast<std::ptrdiff_t>(i * dim), dim, block[i].begin());
  }
  take(rows.ids, block);
  rows = {};
}

std::string error_line(std::uint64_t index, const FailedInput& failed) {
  const json facts = {{"stage", failed.failure.stage},
                      {"code", failed.failure.code},
                      {"message", failed.failure.message}};
  return "{\"index\":" + std::to_string(index) + "," + json_id(failed.id) + "," +
         escape_line_ends(facts.dump(-1, ' ', false, json::error_handler_t::replace)).substr(1) +
         "\n";
}

// What a walk over all inputs finds beside rows.
struct Found {
  RunSummary summary;
  std::string error_lines;
};

Found walk(std::span<const RunParts> runs, std::uint64_t inputs, std::size_t dim,
           const TakeRows& take) {
  std::vector<PartsReader> readers(runs.begin(), runs.end());
  Found found;
  Rows rows;
  for (std::uint64_t i = 0; i < inputs; ++i) {
    PartsReader& reader = readers[i % readers.size()];
    const FailedInput* failed = reader.failure();
    if (failed) {
      found.error_lines += error_line(i, *failed);
      ++found.summary.failed_by_code[failed->failure.code];
    } else {
      rows.ids.push_back(reader.id());
      rows.values.insert(rows.values.end(), reader.row().begin(), reader.row().end());
      if (rows.ids.size() == kBlockRows) give(rows, dim, take);
    }
    reader.skip(failed != nullptr);
  }
  give(rows, dim, take);
  for (const PartsReader& reader : readers) {
    for (const auto& [what, count] : reader.counts()) found.summary.counts[what] += count;
  }
  return found;
}

json summary_json(const RunSummary& summary) {
  json object = {{"inputs", summary.inputs},
                 {"embedded", summary.embedded},
                 {"failed", summary.failed},
                 {"failed_by_code", summary.failed_by_code}};
  for (const auto& [what, count] : summary.counts) object[what] = count;
  return object;
}

std::string report_json(const RunOptions& options, const RunSummary& summary,
                        const fs::path& written) {
  json settings = json::object();
  for (const auto& [name, value] : settings_of(options)) settings[name] = value;
  const json report = {
      {"settings", settings},
      {"summary", summary_json(summary)},
      {"output", {{"bytes", fs::file_size(written)}, {"sha256", sha256_of_file(written)}}}};
  return escape_line_ends(report.dump(2, ' ', false, json::error_handler_t::replace)) + "\n";
}

void write_beside(const fs::path& path, const std::string& text, const fs::path& workplace) {
  AtomicFile file(path, workplace);
  file.write(text);
  file.commit();
}

}  // namespace

fs::path run_report_path(const fs::path& output) { return with_suffix(output, ".run.json"); }
fs::path errors_path(const fs::path& output) { return with_suffix(output, ".errors.jsonl"); }

RunSummary write_final_files(const fs::path& output, std::span<const RunParts> runs,
                             const RunOptions& options) {
  std::uint64_t inputs = 0;
  std::size_t rows = 0;
  for (const RunParts& run : runs) {
    inputs += inputs_of(run);
    for (const ShardRecord& shard : run.shards) rows += shard.rows;
  }
  check_shares(runs, inputs);

  Found found;
  const RowStream stream = {rows, options.dim, [&](const TakeRows& take) {
                              found = walk(runs, inputs, options.dim, take);
                            }};
  const fs::path& workplace = runs[0].folder;
  PendingFiles files = write_rows(output, stream, options.facts, options.precision, workplace);
  found.summary.inputs = inputs;
  found.summary.embedded = rows;
  found.summary.failed = inputs - rows;
  const std::string report = report_json(options, found.summary, files.close());

  // The rows last: whoever sees them finds the rest beside them.
  std::error_code ignored;
  if (found.error_lines.empty()) {
    fs::remove(errors_path(output), ignored);
  } else {
    write_beside(errors_path(output), found.error_lines, workplace);
  }
  write_beside(run_report_path(output), report, workplace);
  files.commit();
  return found.summary;
}

RunReport read_run_report(const fs::path& output) {
  const fs::path path = run_report_path(output);
  const std::string text = fs::exists(path) ? read_text(path) : std::string();
  try {
    const json object = json::parse(text);
    RunReport report;
    for (const auto& [name, value] : object.at("settings").items()) {
      report.settings.emplace_back(name, value.get<std::string>());
    }
    for (const auto& [name, value] : object.at("summary").items()) {
      if (name == "inputs") {
        report.summary.inputs = value;
      } else if (name == "embedded") {
        report.summary.embedded = value;
      } else if (name == "failed") {
        report.summary.failed = value;
      } else if (name == "failed_by_code") {
        report.summary.failed_by_code = value.get<std::map<std::string, std::uint64_t>>();
      } else {
        report.summary.counts[name] = value;
      }
    }
    return report;
  } catch (const json::exception&) {
    throw Error(ErrorKind::io, output.string() + ": exists, and " + path.filename().string() +
                                   ", which says what it is, is missing or damaged; give another "
                                   "name, or replace it with --overwrite");
  }
}

}  // namespace llm2clip
