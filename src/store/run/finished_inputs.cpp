#include "store/run/finished_inputs.h"

#include <algorithm>
#include <utility>

#include "llm2clip/error.h"
#include "store/run/input_names.h"

namespace llm2clip {

FinishedInputs::FinishedInputs(std::filesystem::path output, InputDigests digests)
    : output_(std::move(output)), known_(std::move(digests)), found_(known_.block) {}

void FinishedInputs::add(std::uint64_t index, const std::string& id, const std::string& digest) {
  if (index % known_.block == 0) first_id_ = id;
  if (index >= known_.listed)
    refuse("has more than the " + std::to_string(known_.listed) +
           " inputs that it was made of: " + in_quotes(id));
  compare(index, found_.add(digest));
}

void FinishedInputs::finish(std::uint64_t count) {
  if (count == known_.listed) {
    if (count > 0) compare(count - 1, found_.rest());
    return;
  }
  refuse("was made of " + std::to_string(known_.listed) + " inputs, and there are " +
         std::to_string(count) + " now");
}

void FinishedInputs::compare(std::uint64_t last, const std::optional<std::string>& digest) {
  const std::uint64_t block = last / known_.block;
  if (!digest || *digest == known_.blocks[block]) return;
  const std::uint64_t first = block * known_.block;
  const std::uint64_t end = std::min(first + known_.block, known_.listed);
  refuse("was made of other inputs: " +
         (known_.block == 1
              ? "input " + std::to_string(first) + ", " + in_quotes(first_id_) + ", is"
              : inputs_from_to(first, end) + ", from " + in_quotes(first_id_) + " on, are") +
         " not what it was made of");
}

void FinishedInputs::refuse(const std::string& why) const {
  throw Error(ErrorKind::io, output_.string() + ": is finished and " + why +
                                 "; put the inputs back, or overwrite it");
}

}  // namespace llm2clip
