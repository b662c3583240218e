#include "encoder/passes.h"

#include <ATen/ops/cat.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "encoder/cpu/certain_threads.h"
#include "encoder/cpu/parallel.h"

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

std::vector<at::Tensor> forward_each(const TorchModule& module, const std::vector<Pass>& passes,
                                     std::int64_t threads, const Stop& stop) {
  std::vector<at::Tensor> results(passes.size());
  std::atomic<std::size_t> next = 0;
  bool asked = false;  // by the calling thread, which alone asks
  bool stopped = false;
  const auto take_passes = [&](bool asks) {
    for (std::size_t pass = next++; pass < passes.size(); pass = next++) {
      results[pass] = module.forward(passes[pass].rows, passes[pass].token_counts);
      if (!asks || !stop) continue;
      asked = true;
      if (!stop()) continue;
      stopped = true;
      next = passes.size();
    }
    // Where the others took all passes, it still answers for this batch.
    if (asks && stop && !asked) stopped = stop();
  };
  if (threads == 1) {
    // Outside of parallel_for, inside of which operators use the thread that calls them alone.
    take_passes(true);
  } else {
    const std::thread::id caller = std::this_thread::get_id();
    const int planned = planned_threads();
    at::parallel_for(0, threads, 1, [&](std::int64_t, std::int64_t) {
      const bool is_caller = std::this_thread::get_id() == caller;
      if (!is_caller) plan_in_team(planned);
      take_passes(is_caller);
    });
  }
  if (stopped) cancel();
  return results;
}

bool wait_briefly(std::int64_t parts, std::int64_t largest, std::int64_t all) {
  return (parts * largest - all) * 8 <= all;
}

namespace {

// Whether threads that take whole rows are done sooner than threads that share each product.
bool shares_well(std::int64_t rows, std::int64_t threads, std::int64_t least) {
  return threads > 1 && rows / threads >= least &&
         wait_briefly(threads, at::divup(rows, threads), rows);
}

}  // namespace

at::Tensor forward_in_passes(const TorchModule& module, const at::Tensor& rows, PassSizes sizes,
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
  std::vector<Pass> each;
  for (const at::Tensor& part : rows.tensor_split(threads * passes)) each.push_back({part});
  return at::cat(forward_each(module, each, threads, stop));
}

}  // namespace llm2clip
