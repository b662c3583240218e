#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "inputs/input_policy.h"
#include "llm2clip/embeddings_file.h"
#include "llm2clip/image.h"
#include "llm2clip/model.h"
#include "terminal/messages.h"

namespace CLI {
class App;
class Option;
class Validator;
}  // namespace CLI

namespace llm2clip::cli {

/// One subcommand: its flags, and what it does once they are parsed. Returns the exit code.
struct Command {
  CLI::App* app;
  std::function<int(Messages&)> run;
};

// Groups of flags that several commands share. Each flag is declared in one place, args.cpp, which
// gives its names, default and help.

struct ModelFlags {
  std::string directory;
  std::string device = "auto";
  std::string precision = "auto";
  std::string optimize = "auto";
  int threads = 0;  // 0: LibTorch's choice
  std::string expect_sha256;
  bool trust_model = false;
  std::string special_tokens = "parse";
};

struct BatchFlags {
  EncodeOptions encode;
  bool no_normalize = false;
  bool no_adapter = false;
};

/// What is taken from folders.
struct FolderFlags {
  bool follow_links = false;
  bool hidden = false;  // and folders of the system's
  bool films = false;
};

/// Which of the inputs are this process's: every count-th, from `index` (1 and up) on.
struct ShardOf {
  unsigned index = 1;
  unsigned count = 1;
};

struct ImageFlags {
  std::vector<std::string> paths;
  std::vector<std::string> lists;
  bool recursive = false;
  FolderFlags folders;
  bool null_separated = false;
  double film_step = 0;  // seconds from frame to frame; 0: films are no inputs
  ShardOf archives;      // of several, those that are read; of one: whatever is named
  ReadOptions read;
};

struct TextFlags {
  std::vector<std::string> texts = {};
  std::vector<std::string> files = {};
  bool jsonl = false;
  std::string field = "text";
  std::string id_field = "id";
  std::size_t max_text_bytes = 1u << 20;
  ShardOf archives = {};  // as in ImageFlags
};

/// How many inputs may fail: so many, or such a share of them.
struct MaxErrors {
  std::string text = "10%";
  std::optional<double> share = 0.1;
  std::uint64_t count = 0;  // without a share
};

struct JobFlags {
  OnError on_error = OnError::skip;
  MaxErrors max_errors;
  std::string errors;   // file of failed inputs, without -o
  std::string summary;  // file
  bool resume = false;
  bool overwrite = false;
  ShardOf shard;
  std::string shard_by = "input";
  std::size_t commit_rows = 4096;
  unsigned commit_seconds = 30;
};

/// Which rows of an index a command shows, and how.
struct HitFlags {
  std::string filter;
  bool json = false;
};

struct OutputFlags {
  std::string path;   // empty: JSON lines on standard output
  std::string dtype;  // empty: the layout's
  std::string layout = "file";
  std::size_t partition_rows = 1'000'000;
  bool of_texts = false;
};

CLI::Option* add_model_directory(CLI::App& app, std::string& directory);
void add_trust_flags(CLI::App& app, ModelFlags& flags);
void add_device_flags(CLI::App& app, ModelFlags& flags);
CLI::Option* add_threads_flag(CLI::App& app, int& threads);
void add_message_flags(CLI::App& app, MessageFlags& flags);
void add_image_flags(CLI::App& app, ImageFlags& flags);
/// What images may be: --max-pixels, --max-side, ...
void add_image_limits(CLI::App& app, ReadOptions& options);
void add_decode_memory_flag(CLI::App& app, std::uint64_t& bytes);
void add_image_batch_flag(CLI::App& app, BatchFlags& flags);
void add_text_flags(CLI::App& app, TextFlags& flags);
void add_special_tokens_flag(CLI::App& app, std::string& special_tokens);
void add_text_batch_flag(CLI::App& app, BatchFlags& flags);
void add_normalize_flag(CLI::App& app, BatchFlags& flags);
void add_adapter_flag(CLI::App& app, BatchFlags& flags);
void add_output_flags(CLI::App& app, OutputFlags& flags);
void add_job_flags(CLI::App& app, JobFlags& flags);
/// With --shard-by archive: the shard becomes that of the archives which are read, and the job a
/// whole one, whose output has the shard in its name.
void shard_by_archive(JobFlags& job, OutputFlags& output, ShardOf& archives);
/// --on-error, --max-errors, --errors and --summary; what a job and an index have of them.
void add_failure_flags(CLI::App& app, JobFlags& flags, const std::string& errors_help);
/// --commit-rows and --commit-seconds.
void add_commit_flags(CLI::App& app, JobFlags& flags);
CLI::Option* add_index_flag(CLI::App& app, std::string& index);
/// --filter and --json.
void add_hit_flags(CLI::App& app, HitFlags& flags);
CLI::Option* add_overwrite_flag(CLI::App& app, bool& overwrite);
void add_on_error_flag(CLI::App& app, OnError& on_error);
void add_order_flag(CLI::App& app, std::string& order);

/// --resize-passes.
void add_passes_flag(CLI::App& app, std::string& passes);
/// An option that takes one value each time it is given.
CLI::Option* add_list(CLI::App& app, const std::string& names, std::vector<std::string>& values,
                      const std::string& help);

/// Lets an option take one of `choices` and nothing else.
CLI::Validator one_of(const std::vector<std::string>& choices);
/// A flag that takes one of `names`: "parse|literal". The program itself is not linked with the
/// library; commands make values of names by from_string.
CLI::Option* add_choice(CLI::App& app, const std::string& flag, std::string& name,
                        const std::string& names, const std::string& help);

/// Lets an option take whole numbers from 1 on.
CLI::Validator positive();
/// Whole numbers from 0 on.
CLI::Validator whole();
/// Whole numbers from 0 to `most`.
CLI::Validator whole_to(std::uint64_t most);
/// Numbers that a float32 holds: no NaN and no infinity.
CLI::Validator finite();

/// What the flags alone show to be missing, told before the commands are loaded.
/// Throw Error(invalid_argument).
void check_model_named(const std::string& directory);
void check_texts_named(const TextFlags& flags);

EncodeOptions encode_options(const BatchFlags& flags);

}  // namespace llm2clip::cli
