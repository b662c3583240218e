#include "encoder/passes.h"

#include <ATen/Parallel.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>

#include "encoder/cpu/processor.h"
#include "encoder/readback.h"
#include "encoder/torch_module.h"
#include "llm2clip/error.h"
#include "support/catch.h"
#include "support/error.h"
#include "support/thread_count.h"
#include "support/tiny_model.h"

using namespace llm2clip;
using namespace llm2clip::testing;

TEST_CASE("fill_up_rows repeats the first row and leaves enough rows alone", "[encoder][passes]") {
  const at::Tensor rows = at::arange(4, at::kFloat).view({2, 2});
  const at::Tensor filled = fill_up_rows(rows, 4);
  std::vector<float> values(8);
  copy_to_host(filled, values);
  CHECK(values == std::vector<float>{0, 1, 2, 3, 0, 1, 0, 1});
  CHECK(fill_up_rows(rows, 2).is_same(rows));
  CHECK(fill_up_rows(rows.narrow(0, 0, 0), 2).size(0) == 0);
}

TEST_CASE("from least_rows on, a product's rows have the same bits for any number of rows",
          "[encoder][passes]") {
  const std::int64_t least = least_rows(1);
  for (const auto type : {at::kFloat, at::kBFloat16}) {
    if (type == at::kBFloat16 && processor_products().bfloat16 == ProductSpeed::slow) {
      WARN("skipped: oneDNN's emulation of bfloat16 promises no such thing");
      continue;
    }
    const at::Tensor weight = at::randn({256, 128}).to(type);
    const at::Tensor rows = at::randn({least + 64, 128}).to(type);
    const at::Tensor together = at::linear(rows, weight);
    for (std::int64_t count = least; count < rows.size(0); ++count) {
      INFO(count << " rows of " << rows.scalar_type());
      CHECK(at::equal(at::linear(rows.narrow(0, 0, count), weight), together.narrow(0, 0, count)));
    }
  }
}

TEST_CASE("least_rows counts tokens, not rows", "[encoder][passes]") {
  CHECK(least_rows(1) >= 16);
  CHECK(least_rows(4) * 4 >= least_rows(1));
  CHECK(least_rows(100000) == 1);
}

TEST_CASE("rows have the same bits in passes of any size, on any thread", "[encoder][passes]") {
  const Scratch folder;
  write_tiny_model(folder.path());
  const TorchModule module =
      TorchModule::load(folder.path() / "vision.pt", "cpu", "", Optimized::prepacked);
  const at::Tensor pixels = at::randn({13, 3, kTinyImageSize, kTinyImageSize});
  const at::Tensor together = module.forward(pixels);
  const bool equal = module.optimized().how == Optimized::prepacked ||
                     module.optimized_operators().contains("stored_product");
  if (!equal) WARN("this processor has LibTorch's products alone: rows are compared as near");
  for (const int threads : {1, 2, 4}) {
    const ThreadCount these(threads);
    for (const std::int64_t most : {1, 3, 5, 100}) {
      for (const std::int64_t count : {1, 2, 4, 9, 12, 13}) {
        INFO(count << " rows, at most " << most << " at once, " << threads << " threads");
        const at::Tensor rows =
            forward_in_passes(module, pixels.narrow(0, 0, count), {.most = most});
        const at::Tensor right = together.narrow(0, 0, count);
        // LibTorch's products of few rows sum in another order than its products of many.
        CHECK((equal ? at::equal(rows, right) : at::allclose(rows, right, 1e-4, 1e-5)));
      }
    }
  }
}

TEST_CASE("threads that compute passes report what fails as one thread would",
          "[encoder][passes]") {
  const Scratch folder;
  write_tiny_model(folder.path());
  const TorchModule module = TorchModule::load(folder.path() / "vision.pt", "cpu", "");
  const ThreadCount two(2);
  const at::Tensor wrong = at::ones({8, 2});
  CHECK(error_of([&] { forward_in_passes(module, wrong, {.most = 2}); }).kind() ==
        ErrorKind::bad_model);
}
