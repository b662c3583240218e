#pragma once

#include "llm2clip/c/llm2clip.h"
#include "llm2clip/embed.h"

namespace llm2clip::c {

/// What the caller's source gives. Arrays and callbacks are referred to and must stay as they are
/// during the call; image handles are looked up here, and may be freed meanwhile. What is wrong
/// with an array throws Error(invalid_argument) here, what a callback does wrong throws it when it
/// is called.
ImageSource source_of(const llm2clip_image_source* source);
TextSource source_of(const llm2clip_text_source* source);

}  // namespace llm2clip::c
