#pragma once

#include "commands/commands.h"

namespace llm2clip::cli {

/// The module with the commands, loaded by the first call: Note [Two halves].
/// Throws Error(unavailable) when it, or a library behind it, is not there.
const Commands& commands();

/// The module with the server, likewise.
const ServeCommand& serve_command();

/// Whether a command has left threads behind, Note [Threads left behind]; none where none was
/// loaded.
bool commands_left_threads();

}  // namespace llm2clip::cli
