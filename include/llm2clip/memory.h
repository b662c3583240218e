#pragma once

#include <cstdint>
#include <optional>

namespace llm2clip {

/// Where the weights of one part of a model are, and what running it takes. Bytes.
struct PartMemory {
  /// Views of the mapped file: the system reads them when they are first used, shares them among
  /// processes that map the same file, and may drop them again.
  std::uint64_t mapped_bytes = 0;
  /// Copies that belong to this process, or to the device: small weights, those converted to
  /// another precision or prepacked, and all of them on a GPU.
  std::uint64_t copied_bytes = 0;
  /// The most that LibTorch held at once during a pass through the network, weights and inputs not
  /// counted; 0 before the first one. Empty where this LibTorch cannot tell, or while the program
  /// runs LibTorch's profiler in the same thread.
  std::optional<std::uint64_t> peak_scratch_bytes = 0;
};

}  // namespace llm2clip
