#include "encoder/pooling.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/mean.h>

#include "support/catch.h"

using llm2clip::mean_pool;

namespace {

// (6, 2): state t is (2t, 2t + 1)
at::Tensor counting_states() { return at::arange(12, at::kFloat).view({6, 2}); }
const std::vector<int> kThreeEach = {3, 3};

std::vector<float> values(const at::Tensor& tensor) {
  return {tensor.data_ptr<float>(), tensor.data_ptr<float>() + tensor.numel()};
}

}  // namespace

TEST_CASE("mean_pool averages as many states from the end as each row says", "[encoder][pooling]") {
  const std::vector<int> counts = {1, 2};
  CHECK(values(mean_pool(counting_states(), kThreeEach, counts)) ==
        std::vector<float>{4, 5, 9, 10});
}

TEST_CASE("mean_pool with a count of 0 averages the whole row, as the reference's [-0:] does",
          "[encoder][pooling]") {
  const std::vector<int> counts = {0, 3};
  CHECK(values(mean_pool(counting_states(), kThreeEach, counts)) == std::vector<float>{2, 3, 8, 9});
}

TEST_CASE("mean_pool takes texts of any lengths", "[encoder][pooling]") {
  const std::vector<int> own = {1, 5}, pooled = {0, 2};
  CHECK(values(mean_pool(counting_states(), own, pooled)) == std::vector<float>{0, 1, 9, 10});
}

TEST_CASE("mean_pool sums half precisions in float32", "[encoder][pooling]") {
  // A bfloat16 sum stops growing long before the last of these.
  const at::Tensor states = at::arange(1, 513, at::kFloat).view({512, 1}).to(at::kBFloat16);
  const std::vector<int> counts = {512};
  const at::Tensor pooled = mean_pool(states, counts, counts);
  CHECK(pooled.scalar_type() == at::kFloat);
  CHECK(pooled.item<float>() == states.to(at::kFloat).mean().item<float>());
}

TEST_CASE("mean_pool refuses a count beyond the row", "[encoder][pooling]") {
  const std::vector<int> counts = {1, 4};
  CHECK_THROWS_AS(mean_pool(counting_states(), kThreeEach, counts), std::logic_error);
  const std::vector<int> too_few = {3, 2}, too_many = {3, 4};
  CHECK_THROWS_AS(mean_pool(counting_states(), too_few, too_few), std::logic_error);
  CHECK_THROWS_AS(mean_pool(counting_states(), too_many, too_many), std::logic_error);
}
