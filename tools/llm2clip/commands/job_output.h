#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "commands/json_lines.h"
#include "flags/args.h"
#include "inputs/file_uses.h"
#include "inputs/sources.h"
#include "llm2clip/embed.h"
#include "llm2clip/run.h"
#include "terminal/messages.h"

namespace llm2clip::cli {

/// Where the rows of a job go: into the chunks of a run (-o), or to standard output as JSON lines.
class JobOutput {
 public:
  using Provenance = std::vector<std::pair<std::string, std::string>>;

  /// Throws Error(invalid_argument) or Error(io) for an output that would be refused. Cheap: before
  /// a model is loaded.
  static void check(const OutputFlags& output, const JobFlags& job);
  /// What a job writes, for its command to add what it reads. Throws Error(invalid_argument).
  static FileUses written_files(const OutputFlags& output, const JobFlags& job);

  /// What the run that --resume goes on with recorded under `name`; empty: nothing.
  /// Throws as recorded_provenance does.
  static std::string recorded(const OutputFlags& output, const JobFlags& job,
                              const std::string& name);

  /// `computing` as RunOptions has it. Throws as Run does.
  JobOutput(const OutputFlags& output, const JobFlags& job, Provenance provenance,
            Provenance computing, std::size_t dim);

  /// For one call of embed_images or embed_texts.
  EmbedSink sink() const;
  /// `source` for it: a run chooses the inputs of its shard itself.
  template <typename Input>
  InputSource<Input> inputs_of(InputSource<Input> source) const {
    return run_ ? std::move(source) : only_shard(std::move(source), shard_);
  }

  /// After the last batch.
  RunSummary finish();
  /// Before the last batch: what was added is committed, and the run can go on later.
  RunSummary stop();

  /// Tells what Run::notes has to say.
  void tell_notes(Messages& messages) const;
  void tell_warning(Messages& messages) const;

 private:
  ShardOf shard_;
  std::shared_ptr<Run> run_;
  std::shared_ptr<JsonLines> lines_;  // without a run
};

}  // namespace llm2clip::cli
