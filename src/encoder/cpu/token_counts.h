#pragma once

#include <torch/csrc/jit/ir/ir.h>

namespace llm2clip {

/// Gives a text tower's graph a second input: None, or how many tokens of the one row of ids are
/// the first text's, the second's, ... False, and the graph as it was, where tokens of different
/// texts might meet.
///
/// Note [Token counts]: texts of several lengths go through a tower one behind the other, as one
/// row. Every operator but two computes a token's row from that row alone: positions begin again
/// with each text, and its tokens look at one another alone. Nothing is padded, and a text's states
/// have the bits that they have in a batch of its own.
bool take_token_counts(torch::jit::Graph& graph);

}  // namespace llm2clip
