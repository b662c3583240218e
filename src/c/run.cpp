#include "c/run.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "c/arguments.h"
#include "c/handles.h"
#include "c/options.h"
#include "c/strings.h"
#include "c/summary.h"

namespace llm2clip::c {

void OpenRun::keep(RunInput input) {
  const std::scoped_lock lock(mutex_);
  taken_.push_back(std::move(input));
}

RunInput OpenRun::next(std::uint64_t index) {
  const std::scoped_lock lock(mutex_);
  if (taken_.empty()) refuse("index", "is " + std::to_string(index) + ", no taken input is left");
  if (taken_.front().index != index) {
    refuse("index", "is " + std::to_string(index) + ", " + std::to_string(taken_.front().index) +
                        " is next: inputs come in the order of taking");
  }
  return taken_.front();
}

void OpenRun::done() {
  const std::scoped_lock lock(mutex_);
  taken_.pop_front();
}

std::shared_ptr<OpenRun> open_run_of(const llm2clip_run* run) {
  std::shared_ptr<OpenRun> object = object_of(run, "run");
  if (object->finished) refuse("run", "is finished");
  return object;
}

std::chrono::seconds seconds_of(std::uint64_t seconds) {
  constexpr std::uint64_t kTenYears = 315'360'000;
  return std::chrono::seconds(std::min(seconds, kTenYears));
}

namespace {

std::vector<std::filesystem::path> paths_of(const llm2clip_string* folders, size_t count) {
  std::vector<std::filesystem::path> paths;
  for (const llm2clip_string& folder : array_of(folders, count, "folders")) {
    paths.push_back(path_of(folder.data, folder.length, "folders"));
  }
  return paths;
}

llm2clip_run_options default_run_options() {
  const RunOptions defaults;
  return {.struct_size = sizeof(llm2clip_run_options),
          .existing = LLM2CLIP_EXISTING_REFUSE,
          .precision = LLM2CLIP_STORED_FLOAT32,
          .dim = defaults.dim,
          .provenance = nullptr,
          .provenance_count = 0,
          .computing = nullptr,
          .computing_count = 0,
          .commit_rows = defaults.commit_rows,
          .commit_seconds = static_cast<std::uint64_t>(defaults.commit_interval.count()),
          .shard = defaults.shard,
          .shards = defaults.shards,
          .layout = LLM2CLIP_LAYOUT_FILE,
          .partition_rows = defaults.partition_rows};
}

Existing existing_of(llm2clip_existing existing) {
  switch (existing) {
    case LLM2CLIP_EXISTING_REFUSE:
      return Existing::refuse;
    case LLM2CLIP_EXISTING_RESUME:
      return Existing::resume;
    case LLM2CLIP_EXISTING_OVERWRITE:
      return Existing::overwrite;
    default:
      refuse("existing", "no choice has the number " + std::to_string(existing));
  }
}

OutputLayout layout_of(llm2clip_output_layout layout) {
  switch (layout) {
    case LLM2CLIP_LAYOUT_FILE:
      return OutputLayout::file;
    case LLM2CLIP_LAYOUT_CLIP_RETRIEVAL_IMAGES:
      return OutputLayout::clip_retrieval_images;
    case LLM2CLIP_LAYOUT_CLIP_RETRIEVAL_TEXTS:
      return OutputLayout::clip_retrieval_texts;
    default:
      refuse("layout", "no choice has the number " + std::to_string(layout));
  }
}

RunOptions run_options_of(const llm2clip_run_options* given) {
  const auto options = read_struct(given, default_run_options(), "options");
  return {.existing = existing_of(options.existing),
          .precision = stored_precision_of(options.precision),
          .dim = options.dim,
          .provenance = provenance_of(options.provenance, options.provenance_count, "provenance"),
          .computing = provenance_of(options.computing, options.computing_count, "computing"),
          .commit_rows = options.commit_rows,
          .commit_interval = seconds_of(options.commit_seconds),
          .shard = options.shard,
          .shards = options.shards,
          .layout = layout_of(options.layout),
          .partition_rows = options.partition_rows};
}

}  // namespace
}  // namespace llm2clip::c

using namespace llm2clip;
using namespace llm2clip::c;

llm2clip_status llm2clip_run_options_init(llm2clip_run_options* options, size_t struct_size) {
  return guarded([&] { write_struct(options, struct_size, default_run_options(), "options"); });
}

llm2clip_status llm2clip_run_open(const char* path, size_t path_length,
                                  const llm2clip_run_options* options, llm2clip_run** run) {
  return give(run, [&] {
    return std::make_shared<OpenRun>(path_of(path, path_length, "path"), run_options_of(options));
  });
}

llm2clip_status llm2clip_run_check(const char* path, size_t path_length,
                                   const llm2clip_run_options* options) {
  return guarded([&] { Run::check(path_of(path, path_length, "path"), run_options_of(options)); });
}

llm2clip_status llm2clip_run_recorded(const char* path, size_t path_length,
                                      const llm2clip_run_options* options,
                                      llm2clip_strings** recorded) {
  return give(recorded, [&] {
    return std::make_shared<const Strings>(
        in_turn(Run::recorded(path_of(path, path_length, "path"), run_options_of(options))));
  });
}

llm2clip_status llm2clip_run_files(const char* path, size_t path_length, uint32_t shard,
                                   uint32_t shards, llm2clip_strings** files) {
  return give(files, [&] {
    const RunFiles written = Run::files(path_of(path, path_length, "path"), shard, shards);
    std::vector<std::string> strings = {written.folder.string()};
    for (const std::filesystem::path& file : written.beside) strings.push_back(file.string());
    return std::make_shared<const Strings>(std::move(strings));
  });
}

llm2clip_status llm2clip_run_take(llm2clip_run* run, const char* id, size_t id_length,
                                  const char* content, size_t content_length, const char* stamp,
                                  size_t stamp_length, bool* taken, uint64_t* index) {
  return guarded([&] {
    const auto object = open_run_of(run);
    if (!index) refuse("index", "NULL where the address of a result is expected");
    put(taken, false, "taken");
    const auto input =
        object->run.take(text_of(id, id_length, "id"), text_of(content, content_length, "content"),
                         text_of(stamp, stamp_length, "stamp"));
    if (!input) return;
    object->keep(*input);
    *taken = true;
    *index = input->index;
  });
}

llm2clip_status llm2clip_run_add(llm2clip_run* run, uint64_t index, const float* row, size_t dim) {
  return guarded([&] {
    const auto object = open_run_of(run);
    object->run.add(object->next(index), array_of(row, dim, "row"));
    object->done();
  });
}

llm2clip_status llm2clip_run_fail(llm2clip_run* run, uint64_t index,
                                  const llm2clip_failure* failure) {
  return guarded([&] {
    const auto object = open_run_of(run);
    const auto why = failure ? failure_of(*failure, "failure") : std::nullopt;
    if (!why) refuse("failure", "has no code");
    object->run.fail(object->next(index), *why);
    object->done();
  });
}

llm2clip_status llm2clip_run_count(llm2clip_run* run, const char* what, size_t what_length,
                                   uint64_t more) {
  return guarded(
      [&] { open_run_of(run)->run.count(std::string(text_of(what, what_length, "what")), more); });
}

llm2clip_status llm2clip_run_commit_if_due(llm2clip_run* run) {
  return guarded([&] { open_run_of(run)->run.commit_if_due(); });
}

llm2clip_status llm2clip_run_commit(llm2clip_run* run) {
  return guarded([&] { open_run_of(run)->run.commit(); });
}

llm2clip_status llm2clip_run_finish(llm2clip_run* run, llm2clip_summary** summary) {
  return give_summary(summary, [&] {
    const auto object = open_run_of(run);
    RunSummary done = object->run.finish();
    object->finished = true;
    return done;
  });
}

llm2clip_status llm2clip_run_complete(const llm2clip_run* run, bool* complete) {
  return guarded([&] { put(complete, object_of(run, "run")->run.complete(), "complete"); });
}

llm2clip_status llm2clip_run_summary(const llm2clip_run* run, llm2clip_summary** summary) {
  return give(summary, [&] {
    return std::make_shared<const Summary>(object_of(run, "run")->run.summary());
  });
}

llm2clip_status llm2clip_run_notes(llm2clip_run* run, llm2clip_strings** notes) {
  return give(notes,
              [&] { return std::make_shared<const Strings>(object_of(run, "run")->run.notes()); });
}

llm2clip_status llm2clip_run_warning(const llm2clip_run* run, llm2clip_bytes** warning) {
  return give(warning, [&] { return object_of(run, "run")->run.warning(); });
}

llm2clip_status llm2clip_run_folder(const llm2clip_run* run, llm2clip_bytes** folder) {
  return give(folder, [&] { return object_of(run, "run")->run.folder().string(); });
}

llm2clip_status llm2clip_run_free(llm2clip_run* run) { return free_handle(run); }

llm2clip_status llm2clip_merge_runs(const char* path, size_t path_length,
                                    const llm2clip_string* folders, size_t folder_count,
                                    bool overwrite, llm2clip_summary** summary) {
  return give_summary(summary, [&] {
    return merge_runs(path_of(path, path_length, "path"), paths_of(folders, folder_count),
                      overwrite);
  });
}

llm2clip_status llm2clip_merge_runs_to_chunks(const char* path, size_t path_length,
                                              const llm2clip_string* folders, size_t folder_count,
                                              bool overwrite, llm2clip_summary** summary) {
  return give_summary(summary, [&] {
    return merge_runs_to_chunks(path_of(path, path_length, "path"), paths_of(folders, folder_count),
                                overwrite);
  });
}
