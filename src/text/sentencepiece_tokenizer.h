#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "text/token_model.h"

namespace llm2clip {

/// SentencePiece from the bytes of a tokenizer.model; `name` is what messages call the file.
/// Throws Error(bad_model).
std::unique_ptr<TokenModel> make_sentencepiece_tokenizer(std::string_view bytes,
                                                         const std::string& name);

}  // namespace llm2clip
