#include "store/run/final_files.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/errors_only.h"
#include "base/json_text.h"
#include "llm2clip/error.h"
#include "store/clip_retrieval.h"
#include "store/embeddings_writer.h"
#include "store/run/chunk_file.h"
#include "store/run/output_digest.h"
#include "store/run/run_report.h"

namespace llm2clip {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::ordered_json;

constexpr std::size_t kBlockRows = 4096;
constexpr std::size_t kBlockIdBytes = 16u << 20;

std::uint64_t inputs_of(const RunChunks& run) {
  return run.ranges.empty() ? 0 : run.ranges.back().end;
}

// Walks over the inputs of one run in order, one chunk in memory at a time.
class ChunksReader {
 public:
  ChunksReader(const RunChunks& run, std::size_t dim) : run_(run), dim_(dim) {}

  // Goes on to the next input; the other members are about it.
  void advance() {
    if (next_ == 0 || ++at_ == range_.end) {
      open(run_.ranges.at(next_++));
    } else {
      pass();
    }
  }

  // Why it failed; nullptr: it has a row.
  const FailedInput* failure() const {
    return outcome().failed ? &chunk_.failures[failures_] : nullptr;
  }
  const InputOutcome& outcome() const { return chunk_.outcomes[at_ - chunk_.first]; }
  const std::string& id() const { return chunk_.ids[rows_]; }
  std::span<const float> row() const { return chunk_.rows[rows_]; }

  void add_counts(std::map<std::string, std::uint64_t>& to) {
    for (; counts_ < chunk_.counts.size() && chunk_.counts[counts_].index <= at_; ++counts_) {
      const InputCount& count = chunk_.counts[counts_];
      if (count.index == at_) to[count.what] += count.count;
    }
  }

 private:
  void open(const ChunkRange& range) {
    range_ = range;
    chunk_ = read_chunk(run_.folder, range.chunk, dim_);
    failures_ = rows_ = counts_ = 0;
    for (at_ = chunk_.first; at_ < range.first; ++at_) ++(outcome().failed ? failures_ : rows_);
  }

  // Beyond the input before the one that is next.
  void pass() {
    const bool failed = chunk_.outcomes[at_ - 1 - chunk_.first].failed;
    ++(failed ? failures_ : rows_);
  }

  const RunChunks& run_;
  std::size_t dim_;
  std::size_t next_ = 0;  // range
  ChunkRange range_;
  Chunk chunk_;
  std::uint64_t at_ = 0;
  std::size_t failures_ = 0;  // of the shard, passed
  std::size_t rows_ = 0;
  std::size_t counts_ = 0;
};

// Input i of all is input i / runs of run i % runs.
void check_shares(std::span<const RunChunks> runs, std::uint64_t inputs) {
  for (std::size_t k = 0; k < runs.size(); ++k) {
    const std::uint64_t share = inputs / runs.size() + (k < inputs % runs.size() ? 1 : 0);
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
  std::size_t bytes = 0;  // of ids
};

void give(Rows& rows, std::size_t dim, const TakeRows& take) {
  Embeddings block(rows.ids.size(), dim);
  for (std::size_t i = 0; i < block.rows(); ++i) {
    std::copy_n(rows.values.begin() + static_cast<std::ptrdiff_t>(i * dim), dim, block[i].begin());
  }
  take(rows.ids, block);
  rows = {};
}

// What a walk over all inputs finds beside rows.
struct Found {
  RunSummary summary;
  std::string error_lines;
  InputDigests inputs;
};

Found walk(std::span<const RunChunks> runs, std::uint64_t inputs, const RunOptions& options,
           const TakeRows& take) {
  const std::size_t dim = options.dim;
  std::vector<ChunksReader> readers;
  for (const RunChunks& run : runs) readers.emplace_back(run, dim);
  Found found;
  found.inputs = {inputs, block_of(inputs), {}};
  BlockDigests digests(found.inputs.block);
  const auto keep = [&](const std::optional<std::string>& digest) {
    if (digest) found.inputs.blocks.push_back(*digest);
  };
  Rows rows;
  for (std::uint64_t i = 0; i < inputs; ++i) {
    ChunksReader& reader = readers[i % readers.size()];
    reader.advance();
    if (const FailedInput* failed = reader.failure()) {
      const std::uint64_t in_list = i * options.shards + options.shard - 1;
      found.error_lines += detail::error_line(in_list, failed->id, failed->failure);
      ++found.summary.failed_by_code[failed->failure.code];
    } else {
      rows.ids.push_back(reader.id());
      rows.values.insert(rows.values.end(), reader.row().begin(), reader.row().end());
      rows.bytes += reader.id().size();
      if (rows.ids.size() == kBlockRows || rows.bytes >= kBlockIdBytes) give(rows, dim, take);
    }
    reader.add_counts(found.summary.counts);
    keep(digests.add(reader.outcome().digest));
  }
  keep(digests.rest());
  give(rows, dim, take);
  return found;
}

// What is written, but does not have its name yet.
class PendingOutput {
 public:
  PendingOutput(const fs::path& output, const RowStream& rows, const Provenance& provenance,
                const RunOptions& options, const fs::path& workplace) {
    if (options.layout == OutputLayout::file) {
      files_ = write_rows(output, rows, provenance, options.precision, workplace);
    } else {
      folder_ = write_clip_retrieval(output, rows, provenance,
                                     {.layout = options.layout,
                                      .partition_rows = options.partition_rows,
                                      .precision = options.precision},
                                     workplace);
    }
  }

  OutputDigest close() { return digest_of_output(folder_ ? folder_->temporary() : files_.close()); }
  void commit() { folder_ ? folder_->commit() : files_.commit(); }

 private:
  PendingFiles files_;
  std::unique_ptr<AtomicFolder> folder_;
};

void write_beside(const fs::path& path, const std::string& text, const fs::path& workplace) {
  AtomicFile file(path, workplace);
  file.write(text);
  file.commit();
}

}  // namespace

std::string detail::error_line(std::uint64_t index, std::string_view id,
                               const RunFailure& failure) {
  return errors_only("id", [&] {
    const json why = {
        {"stage", failure.stage}, {"code", failure.code}, {"message", failure.message}};
    return "{\"index\":" + std::to_string(index) + "," + json_id(id) + "," +
           escape_line_ends(why.dump(-1, ' ', false, json::error_handler_t::replace)).substr(1) +
           "\n";
  });
}

fs::path errors_path(const fs::path& output) { return fs::path(output) += ".errors.jsonl"; }

RunSummary write_final_files(const fs::path& output, std::span<const RunChunks> runs,
                             const RunOptions& options, const RunEnd& end) {
  const std::uint64_t inputs = options.shards == 1 ? end.listed : end.inputs;
  check_shares(runs, inputs);
  std::size_t rows = 0;
  for (const RunChunks& run : runs) {
    for (const ChunkRange& range : run.ranges) rows += range.rows;
  }

  Found found;
  const RowStream stream = {
      rows, options.dim, [&](const TakeRows& take) { found = walk(runs, inputs, options, take); }};
  const fs::path& workplace = runs[0].folder;
  Provenance provenance = options.provenance;
  provenance.insert(provenance.end(), options.computing.begin(), options.computing.end());
  PendingOutput written(output, stream, provenance, options, workplace);
  found.summary.inputs = inputs;
  found.summary.embedded = rows;
  found.summary.failed = inputs - rows;
  const OutputDigest digest = written.close();
  const std::string report = report_json({.provenance = provenance_of(options),
                                          .summary = found.summary,
                                          .inputs = found.inputs,
                                          .list_sha256 = end.list_sha256,
                                          .joined = runs.size(),
                                          .output_bytes = digest.bytes,
                                          .output_sha256 = digest.sha256});

  // The rows last: whoever sees them finds the rest beside them.
  std::error_code ignored;
  if (found.error_lines.empty()) {
    fs::remove(errors_path(output), ignored);
  } else {
    write_beside(errors_path(output), found.error_lines, workplace);
  }
  write_beside(run_report_path(output), report, workplace);
  written.commit();
  return found.summary;
}

}  // namespace llm2clip
