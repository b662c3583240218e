#pragma once

#include <functional>
#include <string_view>

#include "llm2clip/export.h"

namespace llm2clip {

/// How much a message matters.
enum class LogLevel {
  debug,    ///< each file that is hashed, each batch and its readback
  info,     ///< a model is loaded, a call has encoded its inputs
  warning,  ///< it works, but not as well as it could
};

/// "debug", "info", "warning".
LLM2CLIP_API const char* to_string(LogLevel level);

/// Gets one line without its end, for people to read: its words may change with any version.
using LogCallback = std::function<void(LogLevel level, std::string_view message)>;

/// Sets the callback that gets the library's messages, for the whole process; an empty one ends
/// them. Messages below `least` are not even put together.
///
/// The callback is called from the threads that load and encode, from several at once where there
/// are several, and while a model is busy: it must not encode with it. What it throws is dropped.
/// A call that is under way may still use the callback that was set before.
LLM2CLIP_API void set_log_callback(LogCallback callback, LogLevel least = LogLevel::info);

}  // namespace llm2clip
