#include "encoder/upload.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace llm2clip {
namespace {

c10::Stream current_stream(at::Device device) {
  return c10::impl::VirtualGuardImpl(device.type()).getStream(device);
}

std::optional<c10::Stream> side_stream(at::Device device) {
  if (!has_streams(device)) return std::nullopt;
  return c10::impl::VirtualGuardImpl(device.type()).getStreamFromGlobalPool(device);
}

// What `later` gets from now on waits for what `earlier` has so far.
void order(const c10::Stream& earlier, const c10::Stream& later) {
  c10::Event event(earlier.device_type());
  event.record(earlier);
  event.block(later);
}

}  // namespace

bool has_streams(at::Device device) { return !device.is_cpu(); }

at::Tensor host_buffer(at::IntArrayRef shape, at::ScalarType type, at::Device device) {
  return at::empty(shape, at::TensorOptions(type).pinned_memory(has_streams(device)));
}

Uploader::Uploader(at::Device device) : device_(device), stream_(side_stream(device)) {}

at::Tensor Uploader::send(const at::Tensor& buffer) const {
  const c10::InferenceMode inference;
  if (!stream_) return buffer.to(device_);
  at::Tensor sent;
  {
    const c10::StreamGuard side(*stream_);
    sent = buffer.to(device_, /*dtype=*/buffer.scalar_type(), /*non_blocking=*/true);
  }
  const c10::Stream computing = current_stream(device_);
  order(*stream_, computing);
  // Allocated on the side stream: its memory must not go to the next copy while it is computed
  // with.
  sent.record_stream(computing);
  return sent;
}

at::Tensor Uploader::send_copy_of(const at::Tensor& tensor) const {
  const c10::InferenceMode inference;
  if (!stream_ || !tensor.is_cpu()) return tensor.to(device_);
  return send(host_buffer(tensor.sizes(), tensor.scalar_type(), device_).copy_(tensor));
}

WeightUploader::WeightUploader(at::Device device, std::size_t buffer_bytes, std::size_t buffers)
    : device_(device), stream_(side_stream(device)), slots_(buffers) {
  for (Slot& slot : slots_) {
    slot.bytes = host_buffer({static_cast<std::int64_t>(buffer_bytes)}, at::kByte, device);
    if (stream_) slot.sent.emplace(device.type());
  }
  // The device may still use memory that the weights are about to get.
  if (stream_) order(current_stream(device), *stream_);
}

WeightUploader::Slot& WeightUploader::next_free_slot() {
  Slot& slot = slots_[next_++ % slots_.size()];
  if (slot.sent) slot.sent->synchronize();
  return slot;
}

at::Tensor WeightUploader::operator()(const at::Tensor& weight) {
  const at::Tensor source = weight.contiguous();
  at::Tensor copy = at::empty_like(source, source.options().device(device_));
  const at::Tensor bytes = copy.view({-1}).view(at::kByte);
  const auto* from = static_cast<const std::byte*>(source.const_data_ptr());
  for (std::int64_t begin = 0; begin < bytes.numel();) {
    Slot& slot = next_free_slot();
    const std::int64_t count = std::min(slot.bytes.numel(), bytes.numel() - begin);
    std::memcpy(slot.bytes.mutable_data_ptr(), from + begin, static_cast<std::size_t>(count));
    const c10::OptionalStreamGuard side(stream_);
    bytes.narrow(0, begin, count).copy_(slot.bytes.narrow(0, 0, count), /*non_blocking=*/true);
    if (slot.sent) slot.sent->record(*stream_);
    begin += count;
  }
  return copy;
}

void WeightUploader::finish() {
  for (Slot& slot : slots_) {
    if (slot.sent) slot.sent->synchronize();
  }
}

}  // namespace llm2clip
