#pragma once

#include <cstdint>
#include <string>

#include "base/free_memory.h"
#include "model/precisions.h"

namespace llm2clip {

/// What loading a model and running it will take of the host's memory, in bytes.
struct MemoryPlan {
  std::uint64_t files = 0;  ///< of the parts that are loaded, which are mapped whole
  std::uint64_t mapped =
      0;  ///< weights that stay in the file: memory that the system can take back
  std::uint64_t copied = 0;       ///< weights that are converted or uploaded
  std::uint64_t activations = 0;  ///< estimate for batches of the default sizes
};

/// For the parts that have a precision, on `device` ("cpu", "cuda:N").
MemoryPlan plan_memory(const ModelInfo& info, const Precisions& precisions,
                       const std::string& device, Optimize optimize);

/// Throws Error(out_of_memory) with the numbers when the plan certainly cannot work, and logs a
/// warning when it does not fit into what is free now. Activations are an estimate, and batches are
/// cut where memory does not suffice: they are never refused.
void check_memory_plan(const std::string& model, const MemoryPlan& plan, const FreeMemory& free);

}  // namespace llm2clip
