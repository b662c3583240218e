#pragma once

#include "llm2clip/c/llm2clip.h"
#include "llm2clip/model.h"

namespace llm2clip::c {

/// The C++ options that a caller's struct stands for; the defaults for NULL. Throw
/// Error(invalid_argument) for a struct that was not initialized or a value that is none.
LoadOptions load_options_of(const llm2clip_load_options* given);
EncodeOptions encode_options_of(const llm2clip_encode_options* given);
ReadOptions read_options_of(const llm2clip_read_options* given);
PreprocessOptions preprocess_options_of(const llm2clip_preprocess_options* given);
TokenizerOptions tokenizer_options_of(const llm2clip_tokenizer_options* given);

/// The other way round, for what a model was trained with.
llm2clip_preprocess_options to_c(const PreprocessOptions& options);

}  // namespace llm2clip::c
