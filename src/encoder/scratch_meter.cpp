#include "encoder/scratch_meter.h"

#include <c10/util/ThreadLocalDebugInfo.h>
#include <torch/csrc/profiler/orchestration/observer.h>

#include <algorithm>
#include <atomic>
#include <utility>

namespace llm2clip {
namespace {

namespace profiler = torch::profiler::impl;

// LibTorch takes whatever stands in the profiler's place for a ProfilerStateBase, so this is one:
// a disabled one, which asks for memory alone.
class Listener final : public profiler::ProfilerStateBase {
 public:
  Listener()
      : ProfilerStateBase(profiler::ProfilerConfig(profiler::ProfilerState::Disabled,
                                                   /*report_input_shapes=*/false,
                                                   /*profile_memory=*/true)) {}

  // LibTorch's own threads report here too. `change` is negative for what is freed, and only memory
  // that was reported when it was allocated is reported again.
  void reportMemoryUsage(void* /*ptr*/, std::int64_t change, std::size_t /*total_allocated*/,
                         std::size_t /*total_reserved*/, c10::Device /*device*/) override {
    const std::int64_t now = current_ += change;
    std::int64_t peak = peak_;
    while (now > peak && !peak_.compare_exchange_weak(peak, now)) {
    }
  }

  profiler::ActiveProfilerType profilerType() override {
    return profiler::ActiveProfilerType::NONE;
  }

  std::int64_t peak() const { return peak_; }

 private:
  std::atomic<std::int64_t> current_ = 0;
  std::atomic<std::int64_t> peak_ = 0;
};

}  // namespace

struct ScratchMeter::Impl {
  std::shared_ptr<Listener> listener = std::make_shared<Listener>();
  c10::DebugInfoGuard guard{c10::DebugInfoKind::PROFILER_STATE, listener};
};

ScratchMeter::ScratchMeter() {
  if (c10::ThreadLocalDebugInfo::get(c10::DebugInfoKind::PROFILER_STATE)) return;
  impl_ = std::make_unique<Impl>();
}

ScratchMeter::~ScratchMeter() = default;

std::optional<std::uint64_t> ScratchMeter::peak_bytes() const {
  if (!impl_) return std::nullopt;
  return static_cast<std::uint64_t>(std::max<std::int64_t>(impl_->listener->peak(), 0));
}

}  // namespace llm2clip
