#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "flags/args.h"
#include "llm2clip/embed.h"
#include "terminal/messages.h"
#include "terminal/progress.h"

namespace llm2clip::cli {

// What the commands of evaluate share.

/// Rows, and what they come from.
struct EvaluatedRows {
  Embeddings rows;
  std::vector<std::pair<std::string, std::string>> provenance;
  std::uint64_t failed = 0;     ///< inputs without a row
  std::uint64_t truncated = 0;  ///< texts that lost their end
};

/// How inputs are embedded that are to be evaluated. What is referred to must outlive the call.
EmbedOptions evaluation_options(const ModelFlags& model, const BatchFlags& batch, OnError on_error,
                                Progress& progress, Messages& messages);

/// {"model": "llm2clip-demo", ...}
nlohmann::ordered_json object_of(const std::vector<std::pair<std::string, std::string>>& entries);

/// "90.4" of 0.904, as papers write it.
std::string percent(double share);

/// Says what did not take part as it is. Returns kDone or kSomeSkipped.
int tell_losses(std::uint64_t failed, std::uint64_t truncated, Messages& messages);

}  // namespace llm2clip::cli
