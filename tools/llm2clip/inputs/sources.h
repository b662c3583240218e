#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "flags/args.h"
#include "inputs/image_inputs.h"
#include "inputs/input_policy.h"
#include "inputs/text_inputs.h"
#include "llm2clip/embed.h"

namespace llm2clip::cli {

/// What reading the inputs could not make use of, until it takes its place among them.
class CollectedFailures final : public FailureSink {
 public:
  struct Failure {
    std::string id;
    RunFailure why;
  };

  void failed(const std::string& id, const Error& error) override;
  std::vector<Failure> take() { return std::exchange(kept_, {}); }

 private:
  std::vector<Failure> kept_;
};

/// The inputs that flags name, as the library takes them: those that cannot be used are among them.
/// The sources own what they use.
///
/// Throw as ImageInputs and TextInputs do. `messages` hears what was passed over, before the call
/// returns; archives and films that `memory` knows are not read.
ImageSource image_source(const ImageFlags& flags, Messages& messages,
                         std::shared_ptr<ContainerMemory> memory = nullptr);
TextSource text_source(const TextFlags& flags);

/// Those inputs of `source` that are this shard's, for an output that does not choose them itself.
template <typename Input>
InputSource<Input> only_shard(InputSource<Input> source, const ShardOf& shard) {
  return {[source, shard, seen = std::size_t{0}]() mutable {
            std::optional<Input> input = source.next();
            while (input && seen++ % shard.count != shard.index - 1) input = source.next();
            return input;
          },
          source.total()};
}

}  // namespace llm2clip::cli
