#include "encoder/cpu/optimize_choice.h"

#include <algorithm>

namespace llm2clip {
namespace {

constexpr std::uint64_t kSmallWeights = 256u << 20;
constexpr std::uint64_t kLargestUnasked = std::uint64_t{4} << 30;
constexpr std::uint64_t kManyInputs = 64;
// For activations, images and the rest of the system. Both grow with the weights: a model of a few
// megabytes is laid out on a machine that is nearly full, too, and a run that is resumed there
// computes as it began.
constexpr std::uint64_t kMostReserve = std::uint64_t{1} << 30;
constexpr std::uint64_t kReservePerWeight = 4;

std::string megabytes(std::uint64_t bytes) { return std::to_string(bytes >> 20) + " MB"; }

// Why copies pay; empty when they do not.
std::string reason_to_prepack(const Work& work) {
  if (work.weight_bytes <= kSmallWeights) return "small weights";
  if (work.expected_inputs == 0) {
    return work.weight_bytes <= kLargestUnasked ? "any number of inputs" : "";
  }
  return work.expected_inputs >= kManyInputs ? "many inputs" : "";
}

}  // namespace

Choice choose_optimized(Optimize optimize, const std::string& device, const Work& work) {
  if (optimize == Optimize::never) return {Optimized::none, "as asked"};
  if (device != "cpu") return {Optimized::none, "only a CPU runs optimized graphs"};
  if (optimize == Optimize::always) return {Optimized::prepacked, "as asked"};
  const std::string reason = reason_to_prepack(work);
  if (reason.empty()) {
    return {Optimized::in_place, work.expected_inputs == 0 ? "large weights" : "few inputs"};
  }
  const std::uint64_t reserve = std::min(kMostReserve, kReservePerWeight * work.weight_bytes);
  if (work.free_bytes < reserve || work.free_bytes - reserve < work.weight_bytes) {
    return {Optimized::in_place, "only " + megabytes(work.free_bytes) + " of memory are free for " +
                                     megabytes(work.weight_bytes) + " of weights"};
  }
  return {Optimized::prepacked, reason};
}

}  // namespace llm2clip
