#pragma once

#include "llm2clip/c/llm2clip.h"
#include "llm2clip/embed.h"

namespace llm2clip::c {

/// The C++ options that a caller's struct stands for, callbacks included; the defaults for NULL.
/// Throws Error(invalid_argument) for a struct that was not initialized or a value that is none.
EmbedOptions embed_options_of(const llm2clip_embed_options* given);

}  // namespace llm2clip::c
