#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Event.h>
#include <c10/core/Stream.h>

#include <cstddef>
#include <optional>
#include <vector>

namespace llm2clip {

// Note [Two streams]: a GPU computes on one stream and copies on another, so that the inputs of a
// batch travel while the batch before is computed. The host waits for nothing but the rows that
// come back (Readback in encoder/readback.h). Everything here goes through LibTorch's interface for
// all devices, c10::Stream and c10::Event, and needs no header of CUDA.

/// Whether `device` computes beside the host, so that copies need pinned memory and streams.
bool has_streams(at::Device device);

/// Memory on the host to fill for `device`, pinned where that makes copies run beside the host.
/// LibTorch keeps such memory and hands it out again when the copies from it are done.
at::Tensor host_buffer(at::IntArrayRef shape, at::ScalarType type, at::Device device);

/// Brings inputs to a device. Note [Two streams].
class Uploader {
 public:
  explicit Uploader(at::Device device);

  /// Queues the copy of a host_buffer() that is complete, and lets what is queued on
  /// the current stream from now on wait for it. Hands the buffer through where no copy is needed.
  at::Tensor send(const at::Tensor& buffer) const;

  /// The same for any tensor, which may change as soon as this returns.
  at::Tensor send_copy_of(const at::Tensor& tensor) const;

 private:
  at::Device device_;
  std::optional<c10::Stream> stream_;  // where the device has streams
};

/// Copies weights to a device through a few pinned buffers: while one is sent, the next is filled
/// from the mapped file, and no more than the buffers is ever held on the host.
class WeightUploader {
 public:
  static constexpr std::size_t kBufferBytes = std::size_t{32} << 20;
  static constexpr std::size_t kBuffers = 3;

  explicit WeightUploader(at::Device device, std::size_t buffer_bytes = kBufferBytes,
                          std::size_t buffers = kBuffers);

  /// A copy of `weight`, of the same shape and type, on the device. Complete after finish().
  at::Tensor operator()(const at::Tensor& weight);

  /// Waits for all copies.
  void finish();

 private:
  struct Slot {
    at::Tensor bytes;                // pinned
    std::optional<c10::Event> sent;  // where the device has streams
  };

  Slot& next_free_slot();

  at::Device device_;
  std::optional<c10::Stream> stream_;
  std::vector<Slot> slots_;
  std::size_t next_ = 0;
};

}  // namespace llm2clip
