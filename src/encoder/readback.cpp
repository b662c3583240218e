#include "encoder/readback.h"

#include <ATen/ops/from_blob.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "base/check.h"
#include "base/log.h"
#include "encoder/cpu/certain_threads.h"
#include "encoder/upload.h"

namespace llm2clip {

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

}  // namespace llm2clip
