#include "encoder/cpu/quantized_weights.h"

#include <vector>

#include "encoder/cpu/graph_nodes.h"

namespace llm2clip {
namespace {

using torch::jit::Node;
using torch::jit::Value;
using Sizes = std::vector<std::int64_t>;

// The operator `kind` with `inputs` inputs that gives `value`, if it is that.
const Node* made_by(const Value* value, const char* kind, std::size_t inputs) {
  const Node* node = value->node();
  return node->kind() == symbol(kind) && node->inputs().size() == inputs ? node : nullptr;
}

at::Tensor tensor_of(const Value* value) {
  const auto found = constant(value);
  return found && found->isTensor() ? found->toTensor() : at::Tensor();
}

// What aten::to converts to the type `type` without more, if `value` is that.
const Value* converted(const Value* value, const c10::IValue& type) {
  const Node* to = made_by(value, "aten::to", 5);
  const bool plain = to && is_constant(to->input(1), type) && is_constant(to->input(2), false) &&
                     is_constant(to->input(3), false);
  return plain ? to->input(0) : nullptr;
}

// The same, to the type that `like` has.
const Value* converted_like(const Value* value, const Value* like) {
  const Node* to = made_by(value, "aten::to", 5);
  const Node* type = to ? made_by(to->input(1), "prim::dtype", 1) : nullptr;
  return type && type->input(0) == like && is_constant(to->input(3), false) ? to->input(0)
                                                                            : nullptr;
}

const Value* viewed(const Value* value, const Sizes& sizes) {
  const Node* view = made_by(value, "aten::view", 2);
  return view && is_constant(view->input(1), sizes) ? view->input(0) : nullptr;
}

// The bytes whose halves `value` has side by side, if it is that.
at::Tensor bytes_of_halves(const Value* value) {
  const Node* stack = made_by(value, "aten::stack", 2);
  const Node* both = stack && is_constant(stack->input(1), -1)
                         ? made_by(stack->input(0), "prim::ListConstruct", 2)
                         : nullptr;
  if (!both) return {};
  const Node* low = made_by(both->input(0), "aten::bitwise_and", 2);
  const Node* high = made_by(both->input(1), "aten::bitwise_right_shift", 2);
  const bool is_pair = low && high && low->input(0) == high->input(0) &&
                       is_constant(low->input(1), 15) && is_constant(high->input(1), 4);
  return is_pair ? tensor_of(low->input(0)) : at::Tensor();
}

// (N, groups) of (N, groups, 1).
at::Tensor table(const at::Tensor& scales) {
  return scales.defined() && scales.dim() == 3 && scales.size(2) == 1 ? scales.squeeze(2)
                                                                      : at::Tensor();
}

// `wide` is the weight in float32, in groups.
std::optional<StoredWeight> grouped_weight(const Value* wide, const Sizes& flat) {
  StoredWeight weight;
  if (const Node* add = made_by(wide, "aten::add", 3)) {
    weight.minimums = table(tensor_of(add->input(1)));
    if (!weight.minimums.defined() || !is_constant(add->input(2), 1)) return std::nullopt;
    wide = add->input(0);
  }
  const Node* scaled = made_by(wide, "aten::mul", 2);
  weight.scales = scaled ? table(tensor_of(scaled->input(1))) : at::Tensor();
  if (!weight.scales.defined() || weight.scales.size(1) == 0) return std::nullopt;
  const std::int64_t groups = weight.scales.size(1);
  const Value* exact = converted(scaled->input(0), 6);  // float32
  const Value* values = exact ? viewed(exact, {flat[0], groups, flat[1] / groups}) : nullptr;
  if (!values) return std::nullopt;
  weight.values = weight.minimums.defined() ? bytes_of_halves(values) : tensor_of(values);
  return weight;
}

}  // namespace

std::optional<StoredWeight> quantized_weight(const Node* linear) {
  const Value* flat = converted_like(linear->input(1), linear->input(0));
  const Node* view = flat ? made_by(flat, "aten::view", 2) : nullptr;
  const auto sizes = view ? constant(view->input(1)) : std::nullopt;
  if (!sizes || !sizes->isIntList() || sizes->toIntVector().size() != 2) return std::nullopt;
  const Sizes shape = sizes->toIntVector();
  const auto weight = grouped_weight(view->input(0), shape);
  if (!weight || !can_multiply(*weight) || weight->values.size(0) != shape[0]) return std::nullopt;
  return weight;
}

}  // namespace llm2clip
