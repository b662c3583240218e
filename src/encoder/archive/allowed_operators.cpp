#include "encoder/archive/allowed_operators.h"

#include <algorithm>
#include <array>

namespace llm2clip {
namespace {

// Sorted within each group; `aten::` before each.
constexpr auto kTensorOperators = std::to_array<std::string_view>({
    // elementwise
    "abs",
    "add",
    "add_",
    "bitwise_and",
    "bitwise_right_shift",
    "clamp",
    "clamp_max",
    "clamp_min",
    "clamp_min_",
    "cos",
    "div",
    "div_",
    "erf",
    "exp",
    "floor_divide",
    "gelu",
    "log",
    "masked_fill",
    "maximum",
    "minimum",
    "mul",
    "mul_",
    "neg",
    "pow",
    "reciprocal",
    "relu",
    "remainder",
    "round",
    "rsqrt",
    "rsub",
    "sigmoid",
    "silu",
    "silu_",
    "sin",
    "softplus",
    "sqrt",
    "square",
    "sub",
    "sub_",
    "tanh",
    "where",
    // comparisons
    "eq",
    "ge",
    "gt",
    "le",
    "logical_and",
    "logical_not",
    "logical_or",
    "lt",
    "ne",
    // products and networks
    "addmm",
    "baddbmm",
    "bmm",
    "conv2d",
    "embedding",
    "einsum",
    "layer_norm",
    "linear",
    "matmul",
    "mm",
    "outer",
    "rms_norm",
    "scaled_dot_product_attention",
    "softmax",
    // sums
    "amax",
    "amin",
    "argmax",
    "cumsum",
    "linalg_vector_norm",
    "max",
    "mean",
    "min",
    "norm",
    "sum",
    "var",
    // shapes
    "cat",
    "chunk",
    "clone",
    "contiguous",
    "detach",
    "expand",
    "expand_as",
    "flatten",
    "flip",
    "gather",
    "index",
    "index_select",
    "movedim",
    "narrow",
    "permute",
    "repeat",
    "repeat_interleave",
    "reshape",
    "roll",
    "select",
    "slice",
    "split",
    "split_with_sizes",
    "squeeze",
    "stack",
    "t",
    "tensor_split",
    "transpose",
    "unbind",
    "unflatten",
    "unsqueeze",
    "view",
    "view_as",
    // new tensors
    "arange",
    "empty_like",
    "eye",
    "full",
    "full_like",
    "linspace",
    "ones",
    "ones_like",
    "scalar_tensor",
    "tensor",
    "tril",
    "triu",
    "zeros",
    "zeros_like",
    // what a tensor is
    "dim",
    "is_floating_point",
    "numel",
    "size",
    "sym_size",
    "to",
    "type_as",
    // numbers, lists, strings of messages
    "Bool",
    "Float",
    "FloatImplicit",
    "Int",
    "IntImplicit",
    "ScalarImplicit",
    "__and__",
    "__contains__",
    "__getitem__",
    "__is__",
    "__isnot__",
    "__not__",
    "__or__",
    "append",
    "ceil",
    "extend",
    "floor",
    "floordiv",
    "format",
    "item",
    "len",
    "list",
    "mod",
    "str",
    "truediv",
});

constexpr auto kLanguage = std::to_array<std::string_view>({
    "Constant",
    "GetAttr",
    "If",
    "ListConstruct",
    "ListUnpack",
    "Loop",
    "NumToTensor",
    "RaiseException",
    "TupleConstruct",
    "TupleIndex",
    "TupleUnpack",
    "Uninitialized",
    "data",
    "device",
    "dtype",
    "isinstance",
    "max",
    "min",
    "shape",
    "unchecked_cast",
    "unchecked_unwrap_optional",
});

}  // namespace

bool holds(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_allowed_operator(std::string_view name) {
  constexpr std::string_view kAten = "aten::";
  constexpr std::string_view kPrim = "prim::";
  if (name.starts_with(kAten)) return holds(kTensorOperators, name.substr(kAten.size()));
  return name.starts_with(kPrim) && holds(kLanguage, name.substr(kPrim.size()));
}

bool is_allowed_global(std::string_view module, std::string_view name) {
  if (module == "__torch__" || module.starts_with("__torch__.")) {
    return !module.starts_with("__torch__.torch.classes");
  }
  if (module == "torch") return name.ends_with("Storage");
  if (module == "collections") return name == "OrderedDict";
  if (module == "torch._utils") return name == "_rebuild_tensor_v2";
  constexpr auto kLists =
      std::to_array<std::string_view>({"build_boollist", "build_doublelist", "build_intlist",
                                       "build_tensorlist", "restore_type_tag"});
  return module == "torch.jit._pickle" && holds(kLists, name);
}

}  // namespace llm2clip
