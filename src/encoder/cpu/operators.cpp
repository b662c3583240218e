#include "encoder/cpu/operators.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <torch/library.h>

#include <cmath>
#include <span>
#include <vector>

#include "encoder/cpu/attention.h"
#include "encoder/cpu/kernels.h"
#include "encoder/cpu/stored_product.h"
#include "encoder/cpu/whole_rows.h"

namespace llm2clip {
namespace {

// Tried once: the blocks of products need a processor with AVX2 or AVX-512.
bool has_blocks(at::ScalarType type) {
  static const bool float32 = can_attend(at::kFloat);
  static const bool bfloat16 = can_attend(at::kBFloat16);
  return (type == at::kFloat && float32) || (type == at::kBFloat16 && bfloat16);
}

std::span<const std::int64_t> counts_of(const at::Tensor& token_counts) {
  return {token_counts.const_data_ptr<std::int64_t>(),
          static_cast<std::size_t>(token_counts.numel())};
}

bool is_attended(const at::Tensor& tensor, const at::Tensor& like) {
  return tensor.dim() == 4 && tensor.stride(3) == 1 && tensor.scalar_type() == like.scalar_type() &&
         tensor.size(0) == like.size(0) && tensor.size(3) == like.size(3);
}

// 0, 1, ... of each text from its first token on; `positions` where there is one text in a row.
at::Tensor text_positions(const at::Tensor& positions,
                          const std::optional<at::Tensor>& token_counts) {
  if (!token_counts) return positions;
  at::Tensor result = at::empty_like(positions);
  std::int64_t first = 0;
  for (const std::int64_t count : counts_of(*token_counts)) {
    result.narrow(0, first, count).copy_(positions.narrow(0, 0, count));
    first += count;
  }
  return result;
}

at::Tensor attention_of_torch(const at::Tensor& query, const at::Tensor& key,
                              const at::Tensor& value, double scale) {
  const bool grouped = key.size(1) != query.size(1);
  return at::scaled_dot_product_attention(query, key, value, {}, 0, false, scale, grouped)
      .transpose(1, 2)
      .flatten(2);
}

at::Tensor attention_of_torch(const at::Tensor& query, const at::Tensor& key,
                              const at::Tensor& value, double scale,
                              std::span<const std::int64_t> token_counts) {
  std::vector<at::Tensor> texts;
  std::int64_t first = 0;
  for (const std::int64_t count : token_counts) {
    const auto own = [&](const at::Tensor& heads) { return heads.narrow(2, first, count); };
    texts.push_back(attention_of_torch(own(query), own(key), own(value), scale));
    first += count;
  }
  return at::cat(texts, 1);
}

// As F.scaled_dot_product_attention without mask, the heads side by side: (B, T, heads * d).
at::Tensor attention(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                     std::optional<double> scale, const std::optional<at::Tensor>& token_counts) {
  const bool known = has_blocks(query.scalar_type()) && is_attended(query, query) &&
                     is_attended(key, query) && is_attended(value, query) &&
                     key.sizes() == value.sizes() && query.size(1) % key.size(1) == 0 &&
                     key.size(2) > 0 && query.size(3) % 2 == 0 && key.stride(2) % 2 == 0 &&
                     key.stride(1) % 2 == 0 && key.stride(0) % 2 == 0 &&
                     key.storage_offset() % 2 == 0;
  const double factor = scale.value_or(1 / std::sqrt(static_cast<double>(query.size(3))));
  if (!token_counts) {
    return known ? attend(query, key, value, factor)
                 : attention_of_torch(query, key, value, factor);
  }
  const auto counts = counts_of(*token_counts);
  return known ? attend(query, key, value, factor, counts)
               : attention_of_torch(query, key, value, factor, counts);
}

// x W^T + bias, then the activation: "none", "quick_gelu", or "gelu" with the algorithm "none"
// (exact) or "tanh".
at::Tensor product(const at::Tensor& x, const at::Tensor& packed,
                   const std::optional<at::Tensor>& bias, c10::string_view activation,
                   c10::string_view algorithm) {
  static const auto linear =
      c10::Dispatcher::singleton()
          .findSchemaOrThrow("mkldnn::_linear_pointwise", "")
          .typed<at::Tensor(const at::Tensor&, const at::Tensor&, const std::optional<at::Tensor>&,
                            c10::string_view, c10::List<std::optional<at::Scalar>>,
                            std::optional<c10::string_view>)>();
  const bool is_quick_gelu = activation == "quick_gelu";
  at::Tensor rows = linear.call(as_whole_rows(x), packed, bias, is_quick_gelu ? "none" : activation,
                                c10::List<std::optional<at::Scalar>>(), algorithm);
  if (is_quick_gelu) quick_gelu_in_place(rows);
  std::vector<std::int64_t> sizes = x.sizes().vec();
  sizes.back() = rows.size(1);
  return rows.narrow(0, 0, x.numel() / x.size(-1)).view(sizes);
}

// The same with a weight as it is stored. `rows_as`: of RowsAs.
at::Tensor stored_product(const at::Tensor& x, const at::Tensor& weight,
                          const std::optional<at::Tensor>& scales,
                          const std::optional<at::Tensor>& minimums,
                          const std::optional<at::Tensor>& bias, c10::string_view activation,
                          c10::string_view algorithm, std::int64_t rows_as) {
  at::Tensor rows =
      multiply_stored(x, {weight, scales.value_or(at::Tensor()), minimums.value_or(at::Tensor())},
                      bias, RowsAs{rows_as});
  if (activation == "quick_gelu") quick_gelu_in_place(rows);
  if (activation == "gelu") at::gelu_(rows, algorithm);
  return rows;
}

void define(torch::Library& library) {
  library.def("quick_gelu(Tensor x) -> Tensor");
  library.def("silu_mul(Tensor gate, Tensor up) -> Tensor");
  library.def("rms_norm(Tensor x, Tensor weight, float eps) -> Tensor");
  library.def("add_rms_norm(Tensor x, Tensor y, Tensor weight, float eps) -> (Tensor, Tensor)");
  library.def("layer_norm(Tensor x, Tensor weight, Tensor bias, float eps) -> Tensor");
  library.def(
      "add_layer_norm(Tensor x, Tensor y, Tensor weight, Tensor bias, float eps) -> (Tensor, "
      "Tensor)");
  library.def(
      "silu_mul_layer_norm(Tensor gate, Tensor up, Tensor weight, Tensor bias, float eps) -> "
      "Tensor");
  library.def("rotate_halves(Tensor x, Tensor cos, Tensor sin) -> Tensor");
  library.def("rotate_neighbors(Tensor x, Tensor cos, Tensor sin) -> Tensor");
  library.def("text_positions(Tensor positions, Tensor? token_counts) -> Tensor");
  library.def(
      "attention(Tensor query, Tensor key, Tensor value, float? scale, Tensor? token_counts) -> "
      "Tensor");
  library.def(
      "product(Tensor x, Tensor packed, Tensor? bias, str activation, str algorithm) -> Tensor");
  library.def(
      "stored_product(Tensor x, Tensor weight, Tensor? scales, Tensor? minimums, Tensor? bias, str "
      "activation, str algorithm, int rows_as) -> Tensor");
  library.def("patches(Tensor pixels, int side) -> Tensor");
}

void implement(torch::Library& library) {
  library.impl("quick_gelu", quick_gelu);
  library.impl("silu_mul", silu_mul);
  library.impl("rms_norm", rms_norm);
  library.impl("add_rms_norm", add_rms_norm);
  library.impl("layer_norm", layer_norm);
  library.impl("add_layer_norm", add_layer_norm);
  library.impl("silu_mul_layer_norm", silu_mul_layer_norm);
  library.impl("rotate_halves", rotate_halves);
  library.impl("rotate_neighbors", rotate_neighbors);
  library.impl("text_positions", text_positions);
  library.impl("attention", attention);
  library.impl("product", product);
  library.impl("stored_product", stored_product);
  library.impl("patches", patches);
}

// What is registered goes away with these.
struct Operators {
  torch::Library definitions{torch::Library::DEF, "llm2clip", std::nullopt, __FILE__, __LINE__};
  torch::Library on_cpu{torch::Library::IMPL, "llm2clip", c10::DispatchKey::CPU, __FILE__,
                        __LINE__};
  // The packed weight of a product is an MkldnnCPU tensor.
  torch::Library on_packed{torch::Library::IMPL, "llm2clip", c10::DispatchKey::MkldnnCPU, __FILE__,
                           __LINE__};

  Operators() {
    define(definitions);
    implement(on_cpu);
    on_packed.impl("product", product);
  }
};

}  // namespace

void register_operators() { static const Operators operators; }

}  // namespace llm2clip
