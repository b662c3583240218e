#include "encoder/readback.h"

#include <ATen/ops/arange.h>

#include <stdexcept>
#include <vector>

#include "support/catch.h"

using namespace llm2clip;

TEST_CASE("copy_to_host gives float32 of any float type and layout", "[encoder][readback]") {
  const at::Tensor transposed = at::arange(6, at::kFloat).view({2, 3}).t().to(at::kBFloat16);
  std::vector<float> values(6);
  copy_to_host(transposed, values);
  CHECK(values == std::vector<float>{0, 3, 1, 4, 2, 5});
  std::vector<float> too_few(5);
  CHECK_THROWS_AS(copy_to_host(transposed, too_few), std::logic_error);
}
