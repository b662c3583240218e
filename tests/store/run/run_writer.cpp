// A run as the commands make them, in milliseconds: rows that follow from their numbers, every
// seventh input failed. Its calls are failed and it is killed by test_disturbed_runs.py.
//
//   run_writer OUTPUT INPUTS [--resume]
//   run_writer OUTPUT INPUTS --array      the rows alone, by NpyWriter
//   run_writer OUTPUT INPUTS --shards     by three runs that are joined; what is done stays done
//   run_writer OUTPUT INPUTS --chunks     the same, but a file of each run, and OUTPUT says when
//   all are there
//
// Ends with 0, or with 6 and one line on standard error, as the command line tool does.

#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "llm2clip/embeddings_file.h"
#include "llm2clip/error.h"
#include "llm2clip/run.h"

namespace {

constexpr std::size_t kDim = 8;

std::vector<float> row_of(std::uint64_t input) {
  std::vector<float> row(kDim);
  for (std::size_t k = 0; k < kDim; ++k) row[k] = std::sin(static_cast<float>(input * kDim + k));
  return row;
}

void write_rows(llm2clip::Run& run, std::uint64_t inputs) {
  for (std::uint64_t i = 0; i < inputs; ++i) {
    const std::string id = "input " + std::to_string(i);
    const auto input = run.take(id, "content");
    if (!input) continue;
    if (i % 7 == 3) {
      run.fail(*input, {"read", "unreadable_input", id + ": is bad"});
    } else {
      run.add(*input, row_of(i));
      run.count("truncated", i % 2);
    }
    run.commit_if_due();
  }
}

llm2clip::RunOptions run_options(bool resume) {
  llm2clip::RunOptions options;
  options.dim = kDim;
  options.provenance = {{"model", "run_writer"}};
  options.commit_rows = 8;
  if (resume) options.existing = llm2clip::Existing::resume;
  return options;
}

void write_run(const char* output, std::uint64_t inputs, bool resume) {
  llm2clip::Run run(output, run_options(resume));
  write_rows(run, inputs);
  run.finish();
}

std::string shard_file(const std::string& output, unsigned shard) {
  std::filesystem::path path = output;
  path.replace_filename(path.stem().string() + "-0000" + std::to_string(shard) + "-of-00003" +
                        path.extension().string());
  return path.string();
}

std::string shard_folder(const std::string& output, unsigned shard) {
  return output + ".shard-" + std::to_string(shard) + "-of-3.run";
}

void write_shard(const std::string& output, unsigned shard, std::uint64_t inputs) {
  llm2clip::RunOptions options = run_options(/*resume=*/true);
  options.shard = shard;
  options.shards = 3;
  llm2clip::Run run(output, options);
  write_rows(run, inputs);
  run.finish();
}

void write_shards(const std::string& output, std::uint64_t inputs) {
  const bool joined = std::filesystem::exists(output);
  bool left = !joined;
  for (unsigned shard = 1; shard <= 3; ++shard) {
    left = left || std::filesystem::exists(shard_folder(output, shard));
    if (!joined) write_shard(output, shard, inputs);
  }
  if (left) llm2clip::merge_runs(output);
}

void write_chunks(const std::string& output, std::uint64_t inputs) {
  bool left = false;
  for (unsigned shard = 1; shard <= 3; ++shard) {
    if (!std::filesystem::exists(shard_file(output, shard))) write_shard(output, shard, inputs);
    left = left || std::filesystem::exists(shard_folder(output, shard));
  }
  if (left) llm2clip::merge_runs_to_chunks(output);
  std::ofstream(output).close();
}

void write_array(const char* output, std::uint64_t inputs) {
  llm2clip::NpyWriter writer(output, std::array<std::size_t, 1>{kDim});
  for (std::uint64_t i = 0; i < inputs; ++i) writer.append(row_of(i));
  writer.finish();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  try {
    const std::uint64_t inputs = std::stoull(argv[2]);
    const std::string_view flag = argc > 3 ? argv[3] : "";
    if (flag == "--array") {
      write_array(argv[1], inputs);
    } else if (flag == "--shards") {
      write_shards(argv[1], inputs);
    } else if (flag == "--chunks") {
      write_chunks(argv[1], inputs);
    } else {
      write_run(argv[1], inputs, flag == "--resume");
    }
  } catch (const llm2clip::Error& error) {
    std::fprintf(stderr, "run_writer: %s\n", error.what());
    return error.kind() == llm2clip::ErrorKind::io ? 6 : 70;
  }
}
