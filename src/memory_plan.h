#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace llm2clip {

/// What loading a model and running it will take of the host's memory, in bytes.
struct MemoryPlan {
  std::uint64_t mapped = 0;       ///< weights that stay in the file: memory that the system can take back
  std::uint64_t copied = 0;       ///< weights that are converted or uploaded
  std::uint64_t activations = 0;  ///< estimate for batches of the default sizes
};

/// What a process may still take: MemAvailable of the machine, less where a control group allows
/// less. Empty where the system does not tell.
std::optional<std::uint64_t> free_memory();

/// Throws Error(out_of_memory) with the numbers when the plan does not fit.
void check_memory_plan(const std::string& model, const MemoryPlan& plan,
                       std::optional<std::uint64_t> free);

}  // namespace llm2clip
