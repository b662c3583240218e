#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/stop.h"
#include "base/stored_file.h"
#include "llm2clip/memory.h"

namespace llm2clip {

/// How a module is made faster on a CPU: see note Optimizing (encoder/cpu/optimized_graph.h).
enum class Optimized {
  none,      ///< the program as it was exported
  in_place,  ///< on the weights where they lie
  prepacked  ///< on copies of the weights that are laid out for the products
};

/// "none", "in_place", "prepacked".
const char* to_string(Optimized how);

/// What became of a wish for optimizing.
struct OptimizeOutcome {
  Optimized how = Optimized::none;
  std::string why;  ///< it is less than was wished for; empty: it is that
};

/// A TorchScript file, ready to run: one tensor in, one tensor out.
///
/// Does not change after load(). On a CPU several threads may call forward() at once, on other
/// devices one at a time.
class TorchModule {
 public:
  /// Binds the weights of `file` to its bytes, which must stay as they are, then converts and moves
  /// them where `precision` ("as stored" when empty) or `device` ask for it.
  /// `optimized` means something on the CPU alone; a program that cannot be optimized stays as it
  /// is. `trusted`: the program in the file is not held to the list (note [A model is held to a
  /// list]). Throws Error(bad_model), Error(unavailable), Error(out_of_memory), and as
  /// check_stop().
  static TorchModule load(const StoredFile& file, const std::string& device,
                          const std::string& precision, Optimized how = Optimized::none,
                          bool trusted = false, const Stop& stop = {});

  TorchModule(TorchModule&&) noexcept;
  TorchModule& operator=(TorchModule&&) noexcept;
  ~TorchModule();

  at::Device device() const;

  /// Queues the copy of a host_buffer() to the module's device: Uploader::send.
  at::Tensor send(const at::Tensor& buffer) const;

  /// Moves `input` to the module's device and runs it; a GPU is not waited for. Throws
  /// Error(bad_model) with the file and the first line of what LibTorch says, or
  /// Error(out_of_memory).
  ///
  /// `token_counts`, where takes_token_counts(): `input` (1, tokens) is then several texts, one
  /// behind the other, of so many tokens each (int64), and the result has a state of each token.
  at::Tensor forward(const at::Tensor& input, const at::Tensor& token_counts = {}) const;

  /// Whether texts of any lengths can go through it together: note [Token counts]
  /// (encoder/cpu/token_counts.h).
  bool takes_token_counts() const;

  /// Throws Error(bad_model) naming the file when `result` is not of the shape the manifest says.
  void expect_shape(const at::Tensor& result, at::IntArrayRef shape) const;

  const std::filesystem::path& path() const;

  /// The shape of the weight of that name ("layers.0.norm.weight"); empty when there is none.
  std::vector<std::int64_t> weight_shape(const std::string& name) const;

  /// How the program runs.
  const OptimizeOutcome& optimized() const;

  /// How many operators of which name optimizing put into the program; empty: it runs as exported.
  std::map<std::string, int> optimized_operators() const;

  /// Where the weights are, and what the passes so far took. May be called during forward().
  PartMemory memory() const;

 private:
  struct Impl;
  explicit TorchModule(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace llm2clip
