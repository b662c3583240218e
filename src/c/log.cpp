#include "llm2clip/log.h"

#include <string>

#include "c/status.h"

using namespace llm2clip;
using namespace llm2clip::c;

static_assert(static_cast<int>(LogLevel::debug) == LLM2CLIP_LOG_DEBUG);
static_assert(static_cast<int>(LogLevel::info) == LLM2CLIP_LOG_INFO);
static_assert(static_cast<int>(LogLevel::warning) == LLM2CLIP_LOG_WARNING);

llm2clip_status llm2clip_set_log_callback(llm2clip_log_callback callback, void* user_data,
                                          llm2clip_log_level least) {
  return guarded([&] {
    if (least < LLM2CLIP_LOG_DEBUG || least > LLM2CLIP_LOG_WARNING) {
      refuse("least", "no log level has the number " + std::to_string(least));
    }
    if (!callback) return set_log_callback({});
    set_log_callback(
        [callback, user_data](LogLevel level, std::string_view message) {
          const std::string text(message);  // ends with a zero
          callback(static_cast<llm2clip_log_level>(level), text.c_str(), text.size(), user_data);
        },
        static_cast<LogLevel>(least));
  });
}
