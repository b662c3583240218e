#pragma once

#include <memory>

#include "llm2clip/model.h"

namespace llm2clip {

/// Throws Error(invalid_argument) naming the part when the model has none or it was not loaded.
void require_vision(const Model& model);
/// The same of what texts go through.
void require_text(const Model& model, bool with_adapter);

/// The tokenizer of `model`, for a thread that may outlive it: who has the tokenizer has the whole
/// model. Throws Error(invalid_argument) when the text part was not loaded.
std::shared_ptr<const Tokenizer> shared_tokenizer(const Model& model);

}  // namespace llm2clip
