#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "store/safetensors.h"

namespace llm2clip {

// Ids as two tensors, for where there may be more of them than a header holds: `ids` (U8) has their
// bytes one after the other, `boundaries` (I64, ids + 1) where each begins and the last ends.
inline constexpr const char* kIdBytes = "ids";
inline constexpr const char* kIdBoundaries = "boundaries";

/// Where each id begins, and where the last one ends.
std::vector<std::int64_t> boundaries_of(const std::vector<std::string>& ids);

/// Throws Error(bad_model) for a file without the tensors, or whose boundaries do not ascend from
/// the first byte to the last.
std::vector<std::string> unpack_ids(const SafetensorsFile& file);

}  // namespace llm2clip
