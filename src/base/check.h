#pragma once

#include <stdexcept>
#include <string>

namespace llm2clip {

/// For what only a mistake of ours can break; the input's mistakes are Error.
#define LLM2CLIP_CHECK(condition)                                                      \
  do {                                                                                 \
    if (!(condition)) {                                                                \
      throw std::logic_error(std::string(__FILE__) + ":" + std::to_string(__LINE__) +  \
                             ": broken invariant " #condition "; please report this"); \
    }                                                                                  \
  } while (false)

}  // namespace llm2clip
