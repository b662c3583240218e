#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/free_memory.h"
#include "llm2clip/model.h"

namespace llm2clip {

/// What each part computes in; empty for one that is not there or not wanted.
struct Precisions {
  std::optional<PrecisionChoice> vision, text, adapter;
};

/// As LoadOptions::precision asks for. Throws as encoder/device.h's choose_precision.
Precisions choose_precisions(const ModelInfo& info, const LoadOptions& options,
                             const std::string& device);

/// The stored precision in place of another where `free` memory does not suffice for the copies.
void keep_stored_where_copies_do_not_fit(const ModelInfo& info, const std::string& device,
                                         Optimize optimize, const FreeMemory& free,
                                         Precisions& precisions);

/// What a part's parameters are stored in: of one in int8 or int4 what is not rounded.
std::string parameter_precision(const PartInfo& part);

/// Bytes of a part's weights where its parameters are in `precision`.
std::uint64_t weight_bytes(const PartInfo& part, const std::string& precision);

/// Of those, what is no longer where the file was mapped: parameters in another precision.
std::uint64_t copied_bytes(const PartInfo& part, const std::string& precision);

}  // namespace llm2clip
