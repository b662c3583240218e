#pragma once

namespace llm2clip {

/// The version of the headers. CMakeLists.txt says the same; a test compares them.
inline constexpr const char* kVersion = "0.2.0";

}  // namespace llm2clip
