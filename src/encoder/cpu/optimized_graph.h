#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "encoder/cpu/stored_product.h"

namespace torch::jit {
struct Module;
}

namespace llm2clip {

/// What a graph computes in.
enum class Arithmetic {
  stored,   ///< what its parameters are stored in
  float32,  ///< with parameters of 16 bits, too
};

/// A module's forward as one graph without the module, optimized for speed on a CPU.
///
/// Note [Optimizing]: the exported program stays what the model is; this is how a CPU runs it.
/// Chains of operators become operators of ours that go over memory once (kernels.h), attention is
/// computed without layout copies (attention.h), and with `prepack` products that share their input
/// become one whose weight oneDNN has laid out beforehand. Other products read their weights where
/// they lie, where ours (stored_product.h) are faster than LibTorch's. Whatever is not recognized
/// stays as it is, so every graph still runs. Results differ by rounding alone.
class OptimizedGraph {
 public:
  /// Is told of a tensor of the module that was copied and that nothing reads any more.
  using Release = std::function<void(const at::Tensor&)>;

  /// What a module is that cannot be made one graph: it stays whole.
  struct NotPossible : std::runtime_error {
    using std::runtime_error::runtime_error;
  };

  /// `prepack` costs a copy of every matrix that is worth it (can_prepack), and the time to make
  /// it. `module` is given up, so that a weight's memory is free as soon as its copy is made.
  /// Where `arithmetic` is not what is stored, products and tables of tokens read parameters of 16
  /// bits where they lie; only the others are copied. Rows that meet weights of 8 or 4 bits are
  /// multiplied as `rows_as`. Throws NotPossible.
  OptimizedGraph(torch::jit::Module& module, bool prepack, const Release& release,
                 Arithmetic arithmetic = Arithmetic::stored, RowsAs rows_as = RowsAs::they_are);
  OptimizedGraph(OptimizedGraph&&) noexcept;
  OptimizedGraph& operator=(OptimizedGraph&&) noexcept;
  ~OptimizedGraph();

  /// `token_counts` as TorchModule::forward.
  at::Tensor operator()(const at::Tensor& input, const at::Tensor& token_counts = {}) const;

  bool takes_token_counts() const;

  /// How many of our operators stand in the graph, by name: "attention", "product", ...
  const std::map<std::string, int>& operators() const;

  /// The tensors that the graph still uses as they were in the module.
  const std::vector<at::Tensor>& tensors() const;
  /// What the prepacked weights take.
  std::uint64_t packed_bytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace llm2clip
