#pragma once

#include <string>
#include <string_view>

namespace llm2clip {

/// Reads the opcodes of a pickle, runs nothing, and says what is in it that a model's pickles do
/// not have: a global that is not allowed (is_allowed_global), an opcode that TorchScript does not
/// write, an end that is none. Empty: nothing.
std::string fault_of_pickle(std::string_view pickle);

}  // namespace llm2clip
