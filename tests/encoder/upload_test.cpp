#include "encoder/upload.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>

#include "support/catch.h"

using namespace llm2clip;

TEST_CASE("on the CPU an uploader hands tensors through", "[encoder][upload]") {
  const Uploader upload(at::kCPU);
  const at::Tensor buffer = host_buffer({2, 3}, at::kByte, at::kCPU);
  CHECK(buffer.sizes() == at::IntArrayRef{2, 3});
  CHECK(upload.send(buffer).is_same(buffer));
  CHECK(upload.send_copy_of(buffer).is_same(buffer));
}

TEST_CASE("weights pass through small buffers piece by piece and keep their bytes",
          "[encoder][upload]") {
  const std::size_t buffer_bytes = GENERATE(1, 7, 64, 4096);
  WeightUploader upload(at::kCPU, buffer_bytes, 2);
  const std::vector<at::Tensor> weights = {
      at::arange(300, at::kFloat).view({3, 100}),  at::arange(35, at::kBFloat16).view({5, 7}),
      at::arange(12, at::kFloat).view({3, 4}).t(),  // not contiguous
      at::arange(1, at::kLong).view({}),           at::empty({0, 4}),
  };
  for (const at::Tensor& weight : weights) {
    const at::Tensor copy = upload(weight);
    upload.finish();
    CHECK(copy.scalar_type() == weight.scalar_type());
    CHECK(copy.sizes() == weight.sizes());
    CHECK(at::equal(copy, weight));
    CHECK((weight.numel() == 0 || copy.const_data_ptr() != weight.const_data_ptr()));
  }
}
