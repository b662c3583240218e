#pragma once

#include <cstdint>
#include <string>

namespace llm2clip {

// What messages call inputs of a run.

/// "input 3", "inputs 3 to 7".
std::string inputs_from_to(std::uint64_t first, std::uint64_t end);

/// An id, which may be a text of a megabyte or have line ends, on one line: "'the text that...'".
std::string in_quotes(std::string id);

}  // namespace llm2clip
