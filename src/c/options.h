#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "llm2clip/c/llm2clip.h"
#include "llm2clip/embeddings_file.h"
#include "llm2clip/model.h"

namespace llm2clip::c {

/// The C++ options that a caller's struct stands for; the defaults for NULL. Throw
/// Error(invalid_argument) for a struct that was not initialized or a value that is none.
LoadOptions load_options_of(const llm2clip_load_options* given);
EncodeOptions encode_options_of(const llm2clip_encode_options* given);
ReadOptions read_options_of(const llm2clip_read_options* given);
PreprocessOptions preprocess_options_of(const llm2clip_preprocess_options* given);
TokenizerOptions tokenizer_options_of(const llm2clip_tokenizer_options* given);

StoredPrecision stored_precision_of(llm2clip_stored_precision precision);
std::vector<std::pair<std::string, std::string>> provenance_of(
    const llm2clip_provenance* provenance, std::size_t count, const char* argument);
SpecialTokens special_tokens_of(llm2clip_special_tokens special_tokens);
/// Empty for NULL.
std::function<bool()> stop_of(llm2clip_stop_callback stop, void* user_data);

/// The other way round, for what a model was trained with. Strings are borrowed.
llm2clip_preprocess_options to_c(const PreprocessOptions& options);
llm2clip_tokenizer_options to_c(const TokenizerOptions& options);

}  // namespace llm2clip::c
