#pragma once

#include <cstdint>
#include <string>

#include "encoder/torch_module.h"
#include "llm2clip/model.h"

namespace llm2clip {

/// What the choice between speed and memory is made of.
struct Work {
  std::uint64_t weight_bytes = 0;     ///< of one part, in the precision it computes in
  std::uint64_t expected_inputs = 0;  ///< 0: unknown
  std::uint64_t free_bytes = 0;       ///< memory that can be taken
};

struct Choice {
  Optimized how = Optimized::none;
  std::string why;  ///< for the log
};

/// Whether a part on `device` ("cpu", "cuda:N") is optimized, and whether on copies of its weights.
///
/// Note [When to prepack]: laying out weights costs as much memory as they have, and about the time
/// that 50 short texts take; each input then saves a few hundredths of that. So it is done for
/// small weights, for many inputs, and, when their number is unknown, up to 4 GB: a process that
/// keeps an 8B tower for single queries starts at once instead.
Choice choose_optimized(Optimize optimize, const std::string& device, const Work& work);

}  // namespace llm2clip
