#pragma once

#include <filesystem>

#include "base/log.h"
#include "encoder/cpu/optimize_choice.h"
#include "encoder/torch_module.h"
#include "llm2clip/model.h"

namespace llm2clip {

// What a model's loading tells the log.

/// A warning, where `options` trust `model`.
void log_trust(const std::filesystem::path& model, const LoadOptions& options);

/// What the processor can do, and a warning about an LLM2CLIP_MAX_CPU_ISA that is none.
void log_processor();

/// What the part computes in and why, where its weights are, how it was optimized.
void log_part(const PartInfo& part, const TorchModule& module, const PrecisionChoice& precision,
              const Choice& choice, const Stopwatch& stopwatch);

}  // namespace llm2clip
