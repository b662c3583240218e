#pragma once

namespace llm2clip {

/// Makes the operators llm2clip::... known to LibTorch, once in the process; they exist on the CPU
/// alone. Throws when somebody else has operators of that name, such as a second copy of this
/// library.
void register_operators();

}  // namespace llm2clip
