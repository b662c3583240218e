#include "encoder/rows.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/log.h"
#include "encoder/cpu/certain_threads.h"
#include "encoder/cpu/parallel.h"
#include "encoder/upload.h"

namespace llm2clip {
namespace {

// Per thread, because MKL divides the rows among the threads before it chooses kernels.
constexpr std::int64_t kLeastTokensPerThread = 8;
constexpr std::int64_t kLeastTokens = 16;

}  // namespace

std::int64_t least_rows(std::int64_t tokens_per_row) {
  const std::int64_t tokens = std::max(kLeastTokens, kLeastTokensPerThread * at::get_num_threads());
  return at::divup(tokens, tokens_per_row);
}

at::Tensor fill_up_rows(const at::Tensor& rows, std::int64_t count) {
  const c10::InferenceMode inference;
  const std::int64_t missing = count - rows.size(0);
  if (missing <= 0 || rows.size(0) == 0) return rows;
  std::vector<std::int64_t> shape = rows.sizes().vec();
  shape[0] = missing;
  return at::cat({rows, rows.narrow(0, 0, 1).expand(shape)});
}

namespace {

// Whether threads that take whole rows are done sooner than threads that share each product: not
// where one would wait long for another.
bool shares_well(std::int64_t rows, std::int64_t threads, std::int64_t least) {
  const std::int64_t share = at::divup(rows, threads);
  const std::int64_t idle = share * threads - rows;
  return threads > 1 && rows / threads >= least && idle * 8 <= rows;
}

std::vector<at::Tensor> forward_each(const TorchModule& module,
                                     const std::vector<at::Tensor>& parts, std::int64_t threads,
                                     const Stop& stop) {
  std::vector<at::Tensor> results(parts.size());
  std::atomic<std::size_t> next = 0;
  bool asked = false;  // by the calling thread, which alone asks
  bool stopped = false;
  const auto take_parts = [&](bool asks) {
    for (std::size_t part = next++; part < parts.size(); part = next++) {
      results[part] = module.forward(parts[part]);
      if (!asks || !stop) continue;
      asked = true;
      if (!stop()) continue;
      stopped = true;
      next = parts.size();
    }
    // Where the others took all parts, it still answers for this batch.
    if (asks && stop && !asked) stopped = stop();
  };
  if (threads == 1) {
    // Outside of parallel_for, inside of which operators use the thread that calls them alone.
    take_parts(true);
  } else {
    const std::thread::id caller = std::this_thread::get_id();
    const int planned = planned_threads();
    at::parallel_for(0, threads, 1, [&](std::int64_t, std::int64_t) {
      const bool is_caller = std::this_thread::get_id() == caller;
      if (!is_caller) plan_in_team(planned);
      take_parts(is_caller);
    });
  }
  if (stopped) cancel();
  return results;
}

}  // namespace

at::Tensor forward_in_parts(const TorchModule& module, const at::Tensor& rows, PartSizes sizes,
                            const Stop& stop) {
  const c10::InferenceMode inference;
  const std::int64_t count = rows.size(0);
  if (!module.device().is_cpu() || count == 0) return module.forward(rows);
  const CertainThreads certain;
  const std::int64_t all = at::get_num_threads();
  const std::int64_t threads = shares_well(count, all, sizes.least) ? all : 1;
  // Of nearly equal size, so that none has few rows.
  const std::int64_t passes = at::divup(at::divup(count, threads), sizes.most);
  if (threads * passes == 1) return module.forward(rows);
  return at::cat(forward_each(module, rows.tensor_split(threads * passes), threads, stop));
}

Readback::Readback(const at::Tensor& rows) : rows_(rows) {
  const c10::InferenceMode inference;
  const at::Device device = rows.device();
  if (!has_streams(device)) return;
  rows_ = host_buffer(rows.sizes(), at::kFloat, device)
              .copy_(rows.to(at::kFloat), /*non_blocking=*/true);
  copied_.emplace(device.type());
  copied_->record(c10::impl::VirtualGuardImpl(device.type()).getStream(device));
}

void Readback::finish(std::span<float> out) const {
  const CertainThreads threads;
  const c10::InferenceMode inference;
  LLM2CLIP_CHECK(static_cast<std::size_t>(rows_.numel()) == out.size());
  if (copied_) copied_->synchronize();
  at::from_blob(out.data(), rows_.sizes(), at::kFloat).copy_(rows_);
  log(LogLevel::debug, [&] { return "read back " + std::to_string(out.size()) + " values"; });
}

void copy_to_host(const at::Tensor& tensor, std::span<float> out) { Readback(tensor).finish(out); }

at::Tensor finish_rows(const at::Tensor& rows, bool normalize) {
  const CertainThreads threads;
  const c10::InferenceMode inference;
  const at::Tensor float32 = rows.to(at::kFloat);
  if (!normalize) return float32;
  // Summed in float64, as normalize_rows does.
  const at::Tensor wide = float32.to(at::kDouble);
  const at::Tensor norms = wide.norm(2, {1}, /*keepdim=*/true);
  return wide.div(norms.masked_fill(norms.eq(0), 1)).to(at::kFloat);
}

at::Tensor tensor_over(Embeddings& embeddings) {
  const auto rows = static_cast<std::int64_t>(embeddings.rows());
  const auto dim = static_cast<std::int64_t>(embeddings.dim());
  float* values = rows > 0 ? embeddings[0].data() : nullptr;
  return at::from_blob(values, {rows, dim}, at::kFloat);
}

at::Tensor owning_tensor(Embeddings&& embeddings) {
  auto owner = std::make_shared<Embeddings>(std::move(embeddings));
  const auto rows = static_cast<std::int64_t>(owner->rows());
  const auto dim = static_cast<std::int64_t>(owner->dim());
  float* values = rows > 0 ? (*owner)[0].data() : nullptr;
  return at::from_blob(values, {rows, dim}, [owner](void*) mutable { owner.reset(); }, at::kFloat);
}

}  // namespace llm2clip
