#include "flags/args.h"

#include <CLI/CLI.hpp>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string_view>
#include <utility>

#include "llm2clip/threads.h"

namespace llm2clip::cli {
namespace {

const char* const kModelGroup = "Model";
const char* const kInputGroup = "Input";
const char* const kOutputGroup = "Output";
const char* const kJobGroup = "Job";
const char* const kMessageGroup = "Messages";

constexpr std::uint64_t kMostShards = 100'000;
constexpr double kLeastFilmStep = 0.001;  // seconds; ids of frames have three decimals

bool parse_whole(std::string_view text, std::uint64_t& number) {
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && rest == text.data() + text.size();
}

MaxErrors parse_max_errors(const std::string& text) {
  MaxErrors most{.text = text, .share = std::nullopt};
  const bool percent = text.ends_with('%');
  if (!parse_whole(std::string_view(text).substr(0, text.size() - percent), most.count) ||
      (percent && most.count > 100)) {
    throw CLI::ValidationError("--max-errors",
                               "a number or a percentage is expected (100, 5%), not " + text);
  }
  if (percent) most.share = static_cast<double>(most.count) / 100;
  return most;
}

std::uint64_t slurm_number(const char* name) {
  const char* const text = std::getenv(name);
  std::uint64_t value = 0;
  if (text != nullptr && parse_whole(text, value)) return value;
  throw CLI::ValidationError(
      "--shard", "auto is for tasks of a Slurm array (sbatch --array), and " + std::string(name) +
                     (text == nullptr ? " is not set" : " is no number") + "; give I/N (2/8)");
}

// What Slurm says of this task of an array: ids from MIN to MAX, STEP apart.
ShardOf slurm_shard() {
  const std::uint64_t id = slurm_number("SLURM_ARRAY_TASK_ID");
  const std::uint64_t count = slurm_number("SLURM_ARRAY_TASK_COUNT");
  const std::uint64_t min = slurm_number("SLURM_ARRAY_TASK_MIN");
  const std::uint64_t max = slurm_number("SLURM_ARRAY_TASK_MAX");
  const std::uint64_t step = count > 1 && max > min ? (max - min) / (count - 1) : 0;
  const bool even = step > 0 && min + (count - 1) * step == max && id >= min && id <= max &&
                    (id - min) % step == 0;
  if (!even || count > kMostShards) {
    throw CLI::ValidationError(
        "--shard",
        "auto needs an array of several tasks with ids in equal steps (--array 0-63), not " +
            std::to_string(count) + " from " + std::to_string(min) + " to " + std::to_string(max) +
            "; give I/N (2/8) to tasks that are run again");
  }
  return {static_cast<unsigned>((id - min) / step + 1), static_cast<unsigned>(count)};
}

ShardOf parse_shard(const std::string& text) {
  if (text == "auto") return slurm_shard();
  const std::size_t slash = text.find('/');
  std::uint64_t index = 0;
  std::uint64_t count = 0;
  if (slash == text.npos || !parse_whole(std::string_view(text).substr(0, slash), index) ||
      !parse_whole(std::string_view(text).substr(slash + 1), count) || index < 1 || index > count ||
      count > kMostShards) {
    throw CLI::ValidationError("--shard",
                               "I/N is expected, with I from 1 to N (2/8), or auto, not " + text);
  }
  return {static_cast<unsigned>(index), static_cast<unsigned>(count)};
}

CLI::Validator thread_count() {
  const auto check = [](const std::string& value) -> std::string {
    std::uint64_t count = 0;
    if (parse_whole(value, count) && count >= 1 && count <= kMostThreads) return "";
    return "1 to " + std::to_string(kMostThreads) + " is expected, not " + value;
  };
  return CLI::Validator(check, "");
}

}  // namespace

// CLI11's own check speaks of a range up to 1.8e308, and would say so in the help, too.
CLI::Validator positive() {
  const auto check = [](const std::string& value) {
    std::uint64_t number = 0;  // CLI11 takes what is larger for the largest
    const bool is_whole = parse_whole(value, number);
    return is_whole && number > 0 ? "" : "a whole number above 0 is expected, not " + value;
  };
  return CLI::Validator(check, "");
}

CLI::Validator whole() {
  const auto check = [](const std::string& value) {
    std::uint64_t number = 0;
    return parse_whole(value, number) ? "" : "a whole number is expected, not " + value;
  };
  return CLI::Validator(check, "");
}

CLI::Validator whole_to(std::uint64_t most) {
  const auto check = [most](const std::string& value) {
    std::uint64_t number = 0;
    const bool is_whole = parse_whole(value, number);
    return is_whole && number <= most
               ? ""
               : "a whole number from 0 to " + std::to_string(most) + " is expected, not " + value;
  };
  return CLI::Validator(check, "");
}

CLI::Validator finite() {
  const auto check = [](const std::string& value) {
    double number = 0;
    const auto [rest, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    const bool all = error == std::errc() && rest == value.data() + value.size();
    return all && std::isfinite(static_cast<float>(number))
               ? ""
               : "a finite number is expected, not " + value;
  };
  return CLI::Validator(check, "");
}

CLI::Validator one_of(const std::vector<std::string>& choices) {
  return CLI::IsMember(choices).description("");
}

CLI::Option* add_choice(CLI::App& app, const std::string& flag, std::string& name,
                        const std::string& names, const std::string& help) {
  return app.add_option(flag, name, help)
      ->type_name(names)
      ->check(one_of(CLI::detail::split(names, '|')))
      ->capture_default_str();
}

CLI::Option* add_list(CLI::App& app, const std::string& names, std::vector<std::string>& values,
                      const std::string& help) {
  // Without allow_extra_args(false) `--label a photo.jpg` would take the image for a label.
  return app.add_option(names, values, help)->allow_extra_args(false);
}

CLI::Option* add_model_directory(CLI::App& app, std::string& directory) {
  return app.add_option("-m,--model", directory, "Model directory")
      ->type_name("DIR")
      ->envname("LLM2CLIP_MODEL")
      ->group(kModelGroup);
}

void add_trust_flags(CLI::App& app, ModelFlags& flags) {
  const auto sha256 = [](const std::string& text) {
    const bool digits = text.find_first_not_of("0123456789abcdef") == text.npos;
    return digits && text.size() == 64 ? "" : "64 hex digits are expected, not " + text;
  };
  app.add_option("--expect-sha256", flags.expect_sha256,
                 "Refuse the model unless its manifest has it")
      ->type_name("HEX")
      ->check(CLI::Validator(sha256, ""))
      ->group(kModelGroup);
  app.add_flag("--trust-model", flags.trust_model,
               "Run the model without checking what its program does")
      ->group(kModelGroup);
}

void add_device_flags(CLI::App& app, ModelFlags& flags) {
  add_trust_flags(app, flags);
  app.add_option("--device", flags.device, "auto, cpu, cuda or cuda:N")
      ->type_name("DEVICE")
      ->capture_default_str()
      ->group(kModelGroup);
  add_choice(app, "--precision", flags.precision,
             "auto|bfloat16|float16|float32|int8-dynamic|int16-dynamic",
             "What the network computes in")
      ->group(kModelGroup);
  add_choice(app, "--optimize", flags.optimize, "auto|always|never",
             "Optimize networks for the CPU; auto: where it pays")
      ->group(kModelGroup);
  add_threads_flag(app, flags.threads)->group(kModelGroup);
}

CLI::Option* add_threads_flag(CLI::App& app, int& threads) {
  return app.add_option("--threads", threads, "Threads to compute with; default: all cores")
      ->type_name("N")
      ->check(thread_count());
}

void add_message_flags(CLI::App& app, MessageFlags& flags) {
  app.add_flag("-q,--quiet", flags.quiet, "Only errors on standard error")->group(kMessageGroup);
  app.add_flag("-v,--verbose", flags.verbose, "More messages")->group(kMessageGroup);
  app.add_option("--progress", flags.progress, "Progress on standard error; auto: on a terminal")
      ->type_name("auto|always|never")
      ->check(one_of({"auto", "always", "never"}))
      ->capture_default_str()
      ->group(kMessageGroup);
  app.add_flag("--log-json", flags.log_json, "Messages as JSON lines")->group(kMessageGroup);
}

namespace {

// "2s", "500ms", "1m", "1h" as seconds.
double parse_seconds(const std::string& text) {
  const std::map<std::string_view, double> units = {
      {"ms", 0.001}, {"s", 1}, {"m", 60}, {"h", 3600}};
  double number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const auto unit = units.find(std::string_view(rest, text.data() + text.size()));
  const double seconds = error == std::errc() && unit != units.end() ? number * unit->second : 0;
  if (seconds >= kLeastFilmStep && std::isfinite(seconds)) return seconds;
  throw CLI::ValidationError("--every",
                             "a time of 1ms or more is expected (2s, 500ms, 1m), not " + text);
}

double parse_fps(const std::string& text) {
  double number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole_text = error == std::errc() && rest == text.data() + text.size();
  if (whole_text && number > 0 && 1 / number >= kLeastFilmStep && std::isfinite(1 / number)) {
    return 1 / number;
  }
  throw CLI::ValidationError("--fps",
                             "a number above 0, 1000 at most, is expected (1, 0.5), not " + text);
}

void add_film_flags(CLI::App& app, ImageFlags& flags) {
  const auto take = [&flags](double seconds) {
    flags.film_step = seconds;
    flags.folders.films = true;
  };
  CLI::Option* every = app.add_option_function<std::string>(
      "--every", [take](const std::string& text) { take(parse_seconds(text)); },
      "Take a frame of films after each such time: 2s, 500ms, 1m");
  every->type_name("TIME")->group(kInputGroup);
  app.add_option_function<std::string>(
         "--fps", [take](const std::string& text) { take(parse_fps(text)); },
         "Take so many frames a second of films: 1, 0.5")
      ->type_name("N")
      ->group(kInputGroup)
      ->excludes(every);
}

}  // namespace

void add_image_limits(CLI::App& app, ReadOptions& options) {
  app.add_option("--max-pixels", options.max_pixels, "Refuse larger images")
      ->type_name("N")
      ->check(positive())
      ->capture_default_str()
      ->group(kInputGroup);
  app.add_option("--max-side", options.max_side, "Refuse wider or higher images")
      ->type_name("N")
      ->check(positive())
      ->capture_default_str()
      ->group(kInputGroup);
  app.add_option("--max-file-bytes", options.max_file_bytes, "Refuse larger files")
      ->type_name("N")
      ->check(positive())
      ->capture_default_str()
      ->group(kInputGroup);
  app.add_option("--max-scans", options.max_scans, "Refuse JPEGs with more scans")
      ->type_name("N")
      ->check(positive())
      ->capture_default_str()
      ->group(kInputGroup);
  app.add_option("--max-scan-pixels", options.max_scan_pixels,
                 "Refuse JPEGs with more scans times pixels")
      ->type_name("N")
      ->check(positive())
      ->capture_default_str()
      ->group(kInputGroup);
}

void add_image_flags(CLI::App& app, ImageFlags& flags) {
  // A least count that is never reached makes CLI11 take each path as it stands; with extra
  // arguments allowed it would read a folder named [a] as a list.
  app.add_option("images", flags.paths,
                 "Images, .tar files, films (--fps), folders (-r), - for a list")
      ->type_name("FILE|DIR|-")
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->expected(1 << 28, 1 << 29);
  app.add_flag("-r,--recursive", flags.recursive, "Take the images in folders, sorted by name")
      ->group(kInputGroup);
  app.add_flag("--follow-links", flags.folders.follow_links,
               "With -r: enter links to folders, too, each folder once")
      ->group(kInputGroup);
  app.add_flag("--hidden", flags.folders.hidden,
               "With -r: enter hidden folders and those of systems, too")
      ->group(kInputGroup);
  add_list(app, "--from-file", flags.lists, "A file with one path a line; - is standard input")
      ->type_name("LIST")
      ->group(kInputGroup);
  app.add_flag("-0,--null", flags.null_separated, "Paths in lists end in NUL, not in a line end")
      ->group(kInputGroup);
  add_film_flags(app, flags);
  app.add_flag("--exif", flags.read.apply_orientation, "Turn images as their EXIF data says")
      ->group(kInputGroup);
  add_image_limits(app, flags.read);
}

void add_decode_memory_flag(CLI::App& app, std::uint64_t& bytes) {
  app.add_option("--decode-memory", bytes, "Bytes for images decoded at once")
      ->type_name("N")
      ->check(positive())
      ->capture_default_str()
      ->group(kInputGroup);
}

void add_image_batch_flag(CLI::App& app, BatchFlags& flags) {
  app.add_option("--batch-size", flags.encode.batch_size, "Images in a batch")
      ->type_name("N")
      ->check(positive())
      ->capture_default_str()
      ->group(kModelGroup);
}

void add_text_flags(CLI::App& app, TextFlags& flags) {
  add_list(app, "-t,--text", flags.texts, "A text; may be given again")
      ->type_name("TEXT")
      ->group(kInputGroup);
  add_list(app, "-f,--file", flags.files,
           "A file with one text a line, or a .tar file; - is standard input")
      ->type_name("FILE")
      ->group(kInputGroup);
  app.add_flag("--jsonl", flags.jsonl, "Lines of files, or .json members, are JSON objects")
      ->group(kInputGroup);
  app.add_option("--field", flags.field, "With --jsonl: where the text is")
      ->type_name("NAME")
      ->capture_default_str()
      ->group(kInputGroup);
  app.add_option("--max-text-bytes", flags.max_text_bytes, "Refuse longer texts")
      ->type_name("N")
      ->check(positive())
      ->capture_default_str()
      ->group(kInputGroup);
  app.add_option("--id-field", flags.id_field,
                 "With --jsonl: where its id is; else the text or member")
      ->type_name("NAME")
      ->capture_default_str()
      ->group(kInputGroup);
}

void add_special_tokens_flag(CLI::App& app, std::string& special_tokens) {
  add_choice(app, "--special-tokens", special_tokens, "parse|literal",
             "What \"<|eot_id|>\" and the like in a text are")
      ->group(kInputGroup);
}

void add_text_batch_flag(CLI::App& app, BatchFlags& flags) {
  app.add_option("--batch-tokens", flags.encode.batch_tokens, "Tokens in a batch")
      ->type_name("N")
      ->check(positive())
      ->capture_default_str()
      ->group(kModelGroup);
}

void add_normalize_flag(CLI::App& app, BatchFlags& flags) {
  app.add_flag("--no-normalize", flags.no_normalize,
               "Rows as the network gives them, not of unit length")
      ->group(kOutputGroup);
}

void add_adapter_flag(CLI::App& app, BatchFlags& flags) {
  app.add_flag("--no-adapter", flags.no_adapter,
               "Stop before the adapter: what llm2vec's encode gives")
      ->group(kOutputGroup);
}

void add_output_flags(CLI::App& app, OutputFlags& flags) {
  app.add_option("-o,--output", flags.path,
                 "A .npy, .safetensors, .parquet, .jsonl, .csv file; else JSON lines")
      ->type_name("FILE")
      ->group(kOutputGroup);
  add_choice(app, "--out-dtype", flags.dtype, "float32|float16",
             "What components are stored as; clip-retrieval: float16")
      ->default_str("float32")
      ->group(kOutputGroup);
  add_choice(app, "--layout", flags.layout, "file|clip-retrieval",
             "With -o: a file by its ending, or a folder of partitions")
      ->group(kOutputGroup);
  app.add_option("--partition-rows", flags.partition_rows, "Rows of a partition of clip-retrieval")
      ->type_name("N")
      ->check(positive())
      ->capture_default_str()
      ->group(kOutputGroup);
}

CLI::Option* add_overwrite_flag(CLI::App& app, bool& overwrite) {
  return app.add_flag("--overwrite", overwrite, "Replace an output or an unfinished run")
      ->group(kJobGroup);
}

void add_failure_flags(CLI::App& app, JobFlags& flags, const std::string& errors_help) {
  add_on_error_flag(app, flags.on_error);
  app.add_option_function<std::string>(
         "--max-errors",
         [&flags](const std::string& text) { flags.max_errors = parse_max_errors(text); },
         "Stop when more failed; percentages from 1000 inputs on")
      ->type_name("N|P%")
      ->default_str(flags.max_errors.text)
      ->group(kInputGroup);
  app.add_option("--errors", flags.errors, errors_help)->type_name("FILE")->group(kJobGroup);
  app.add_option("--summary", flags.summary, "What became of the inputs, as JSON")
      ->type_name("FILE")
      ->group(kJobGroup);
}

void add_commit_flags(CLI::App& app, JobFlags& flags) {
  app.add_option("--commit-rows", flags.commit_rows, "Inputs after which rows reach the disk")
      ->type_name("N")
      ->check(positive())
      ->capture_default_str()
      ->group(kJobGroup);
  app.add_option("--commit-seconds", flags.commit_seconds,
                 "Seconds after which rows reach the disk")
      ->type_name("N")
      ->check(positive())
      ->capture_default_str()
      ->group(kJobGroup);
}

void add_job_flags(CLI::App& app, JobFlags& flags) {
  add_failure_flags(app, flags, "Failed inputs; with -o they are in OUTPUT.errors.jsonl");
  app.add_flag("--resume", flags.resume, "Go on where an earlier process with this -o stopped")
      ->group(kJobGroup)
      ->excludes(add_overwrite_flag(app, flags.overwrite));
  app.add_option_function<std::string>(
         "--shard", [&flags](const std::string& text) { flags.shard = parse_shard(text); },
         "Take every N-th input from the I-th on; auto: by a Slurm array")
      ->type_name("I/N|auto")
      ->group(kJobGroup);
  add_choice(app, "--shard-by", flags.shard_by, "input|archive",
             "What a shard takes every N-th of; see merge")
      ->group(kJobGroup);
  add_commit_flags(app, flags);
}

void shard_by_archive(JobFlags& job, OutputFlags& output, ShardOf& archives) {
  if (job.shard_by != "archive" || job.shard.count == 1) return;
  archives = std::exchange(job.shard, {});
  if (output.path.empty()) return;
  std::array<char, 32> place{};
  std::snprintf(place.data(), place.size(), "-%05u-of-%05u", archives.index, archives.count);
  std::filesystem::path path = output.path;
  path.replace_filename(path.stem().string() + place.data() + path.extension().string());
  output.path = path.string();
}

CLI::Option* add_index_flag(CLI::App& app, std::string& index) {
  return app.add_option("-x,--index", index, "Index: the folder that llm2clip index writes")
      ->type_name("DIR")
      ->required();
}

void add_hit_flags(CLI::App& app, HitFlags& flags) {
  app.add_option("--filter", flags.filter, "Only rows whose ids match: 'holiday/*.jpg'")
      ->type_name("GLOB")
      ->group(kOutputGroup);
  app.add_flag("--json", flags.json, "One JSON document")->group(kOutputGroup);
}

void add_on_error_flag(CLI::App& app, OnError& on_error) {
  const auto choose = [&on_error](const std::string& name) {
    on_error = name == "fail" ? OnError::fail : OnError::skip;
  };
  app.add_option_function<std::string>("--on-error", choose,
                                       "What to do with an input that cannot be used")
      ->type_name("skip|fail")
      ->check(one_of({"skip", "fail"}))
      ->default_str(on_error == OnError::fail ? "fail" : "skip")
      ->group(kInputGroup);
}

void add_order_flag(CLI::App& app, std::string& order) {
  add_choice(app, "--order", order, "hf|torchvision", "With --image-size: whose preprocessing")
      ->group(kModelGroup);
}

void add_passes_flag(CLI::App& app, std::string& passes) {
  add_choice(app, "--resize-passes", passes, "pillow-11|pillow-12.2|pillow-13",
             "With --image-size: the Pillow that resizes")
      ->group(kModelGroup);
}

void check_model_named(const std::string& directory) {
  if (!directory.empty()) return;
  throw Error(ErrorKind::invalid_argument,
              "--model: a model directory is expected; give -m DIR or set LLM2CLIP_MODEL");
}

void check_texts_named(const TextFlags& flags) {
  if (!flags.texts.empty() || !flags.files.empty()) return;
  throw Error(ErrorKind::invalid_argument, "texts: none; give -t TEXT or -f FILE");
}

EncodeOptions encode_options(const BatchFlags& flags) {
  EncodeOptions options = flags.encode;
  options.normalize = !flags.no_normalize;
  options.adapter = !flags.no_adapter;
  return options;
}

}  // namespace llm2clip::cli
