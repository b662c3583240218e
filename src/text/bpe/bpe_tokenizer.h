#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "text/token_model.h"

namespace llm2clip {

/// Byte-level BPE from the text of a tokenizer.json; `name` is what messages call the file.
/// Throws Error(bad_model).
std::unique_ptr<TokenModel> make_bpe_tokenizer(std::string_view json, const std::string& name);

}  // namespace llm2clip
