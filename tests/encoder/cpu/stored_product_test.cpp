#include "encoder/cpu/stored_product.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <limits>

#include "encoder/cpu/processor.h"
#include "support/catch.h"
#include "support/thread_count.h"

using namespace llm2clip;

namespace {

// What a weight stands for, by LibTorch's operators, as docs/model_format.md writes them.
at::Tensor widened(const StoredWeight& weight) {
  at::Tensor values = weight.values;
  if (values.scalar_type() == at::kByte) {
    values =
        at::stack({at::bitwise_and(values, 15), at::bitwise_right_shift(values, 4)}, -1).flatten(1);
  }
  if (!weight.scales.defined()) return values.to(at::kDouble);
  const at::Tensor groups = values.to(at::kDouble).unflatten(1, {weight.scales.size(1), -1});
  at::Tensor wide = groups * weight.scales.to(at::kDouble).unsqueeze(2);
  if (weight.minimums.defined()) wide += weight.minimums.to(at::kDouble).unsqueeze(2);
  return wide.flatten(1);
}

at::Tensor scales(std::int64_t rows, std::int64_t groups, at::ScalarType type = at::kBFloat16) {
  return (at::rand({rows, groups}) * 0.01 + 0.001).to(type);
}

// Weights (rows, depth) of every kind that `depth` allows.
std::vector<StoredWeight> weights(std::int64_t rows, std::int64_t depth) {
  std::vector<StoredWeight> all;
  for (const auto type : {at::kFloat, at::kBFloat16, at::kHalf}) {
    all.push_back({at::randn({rows, depth}).to(type), {}, {}});
  }
  const at::Tensor bytes = at::randint(-127, 128, {rows, depth}, at::kChar);
  all.push_back({bytes, scales(rows, 1), {}});
  all.push_back({bytes, scales(rows, 1, at::kHalf), scales(rows, 1, at::kHalf)});
  for (const std::int64_t group : {16, 32, 64, 128, 256}) {
    if (depth % group != 0) continue;
    all.push_back({bytes, scales(rows, depth / group), {}});
    const at::Tensor pairs = at::randint(0, 256, {rows, depth / 2}, at::kByte);
    all.push_back({pairs, scales(rows, depth / group), scales(rows, depth / group)});
    all.push_back({pairs, scales(rows, depth / group, at::kFloat), {}});
  }
  return all;
}

std::string name_of(const StoredWeight& weight) {
  return c10::str(weight.values.scalar_type(), " ", weight.values.sizes(), " in groups ",
                  weight.scales.defined() ? weight.scales.size(1) : 0);
}

}  // namespace

TEST_CASE("a product with a stored weight is what the weight stands for gives",
          "[encoder][stored_product]") {
  for (const auto& [rows, depth, columns] :
       {std::tuple{1, 256, 16}, {3, 64, 5}, {7, 588, 33}, {26, 1024, 100}, {500, 300, 70}}) {
    const at::Tensor x = at::randn({rows, depth}), bias = at::randn({columns});
    for (const StoredWeight& weight : weights(columns, depth)) {
      INFO(rows << " rows, " << name_of(weight));
      REQUIRE(can_multiply(weight));
      const at::Tensor expected =
          at::linear(x.to(at::kDouble), widened(weight), bias.to(at::kDouble));
      const at::Tensor ours = multiply_stored(x, weight, bias);
      REQUIRE(ours.sizes() == expected.sizes());
      const double largest = expected.abs().max().item<double>();
      CHECK((ours.to(at::kDouble) - expected).abs().max().item<double>() <= 1e-6 * largest);
    }
  }
}

TEST_CASE("rows of bfloat16 give bfloat16 of what the weight stands for",
          "[encoder][stored_product]") {
  for (const auto& [rows, depth, columns] :
       {std::tuple{1, 256, 16}, {3, 64, 5}, {18, 128, 40}, {26, 1024, 100}, {300, 588, 33}}) {
    const at::Tensor x = at::randn({rows, depth}).to(at::kBFloat16), bias = at::randn({columns});
    for (const StoredWeight& weight : weights(columns, depth)) {
      INFO(rows << " rows, " << name_of(weight));
      // In pairs weights are rounded as LibTorch's operators round them.
      at::Tensor wide = widened(weight);
      if (multiplies_pairs()) wide = wide.to(at::kBFloat16).to(at::kDouble);
      const at::Tensor expected = at::linear(x.to(at::kDouble), wide, bias.to(at::kDouble));
      const at::Tensor ours = multiply_stored(x, weight, bias);
      REQUIRE(ours.scalar_type() == at::kBFloat16);
      const double largest = expected.abs().max().item<double>();
      const at::Tensor away = (ours.to(at::kDouble) - expected).abs();
      // Half of the last digit that bfloat16 has, and a few of float32's.
      CHECK((away - expected.abs() / 256).max().item<double>() <= 1e-5 * largest);
    }
  }
}

TEST_CASE("rows of bfloat16 and weights that are not in pairs give the nearest bfloat16",
          "[encoder][stored_product]") {
  if (multiplies_pairs()) {
    WARN("skipped: this processor multiplies pairs of bfloat16");
    return;
  }
  const at::Tensor x = at::randn({2, 9, 128}).to(at::kBFloat16);
  for (const StoredWeight& weight : weights(40, 128)) {
    INFO(name_of(weight));
    const at::Tensor exact = multiply_stored(x.to(at::kFloat), weight, std::nullopt);
    const at::Tensor ours = multiply_stored(x, weight, std::nullopt);
    CHECK(ours.sizes() == at::IntArrayRef({2, 9, 40}));
    CHECK(at::equal(ours, exact.to(at::kBFloat16)));
  }
}

namespace {

// Rows rounded to integers of at most `most`, each group of `group` values by the scale of its
// largest.
at::Tensor rounded_rows(const at::Tensor& x, std::int64_t group, double most) {
  std::vector<at::Tensor> groups;
  for (const at::Tensor& values : x.split(group, 1)) {
    const at::Tensor largest = values.abs().amax(1, true);
    groups.push_back(at::round(values * (most / largest)).nan_to_num(0) * (largest / most));
  }
  return at::cat(groups, 1);
}

}  // namespace

TEST_CASE("rows as integers meet the stored integers, group by group",
          "[encoder][stored_product]") {
  const auto [rows_as, most] =
      GENERATE(std::pair(RowsAs::int8, 127.0), std::pair(RowsAs::int16, 32767.0));
  for (const auto& [rows, depth, columns] :
       {std::tuple{1, 256, 16}, {3, 64, 5}, {26, 1024, 100}, {300, 576, 33}, {7, 1300, 20}}) {
    const at::Tensor x = at::randn({rows, depth}), bias = at::randn({columns});
    x[0].narrow(0, 0, 64).zero_();
    for (const StoredWeight& weight : weights(columns, depth)) {
      INFO(rows << " rows, " << name_of(weight));
      const at::Tensor ours = multiply_stored(x, weight, bias, rows_as);
      if (!weight.scales.defined()) {
        CHECK(at::equal(ours, multiply_stored(x, weight, bias)));
        continue;
      }
      const std::int64_t group = std::min<std::int64_t>(depth / weight.scales.size(1), 512);
      const at::Tensor expected = at::linear(rounded_rows(x, group, most).to(at::kDouble),
                                             widened(weight), bias.to(at::kDouble));
      const double largest = expected.abs().max().item<double>();
      CHECK((ours.to(at::kDouble) - expected).abs().max().item<double>() <= 1e-5 * largest);
      const at::Tensor halves = multiply_stored(x.to(at::kBFloat16), weight, bias, rows_as);
      CHECK(halves.scalar_type() == at::kBFloat16);
      CHECK((halves.to(at::kDouble) - expected).abs().max().item<double>() <= 0.05 * largest);
    }
  }
}

TEST_CASE("the largest integers of a block are summed without running over",
          "[encoder][stored_product]") {
  const at::Tensor x = at::full({3, 1024}, -2.0);  // one group a row, of two blocks
  const StoredWeight weight{at::full({20, 1024}, -128, at::kChar), at::full({20, 1}, 0.5f), {}};
  for (const auto rows_as : {RowsAs::int8, RowsAs::int16}) {
    const at::Tensor sums = multiply_stored(x, weight, std::nullopt, rows_as);
    CHECK(at::allclose(sums, at::full({3, 20}, 2.0 * 128 * 0.5 * 1024), 1e-6));
  }
}

TEST_CASE("rows too small to have an inverse count for nothing", "[encoder][stored_product]") {
  const at::Tensor x = at::full({1, 64}, 1e-38);
  const StoredWeight weight{at::full({4, 64}, 5, at::kChar), at::full({4, 1}, 1.0f), {}};
  for (const auto rows_as : {RowsAs::int8, RowsAs::int16}) {
    CHECK(multiply_stored(x, weight, at::ones({4}), rows_as).eq(1).all().item<bool>());
  }
}

TEST_CASE("rows of 16 bits are far nearer to float32 than those of bfloat16",
          "[encoder][stored_product]") {
  const at::Tensor x = at::randn({26, 1024});
  for (const StoredWeight& weight : weights(40, 1024)) {
    if (!weight.scales.defined()) continue;
    INFO(name_of(weight));
    const at::Tensor exact = at::linear(x.to(at::kDouble), widened(weight));
    const auto error = [&](const at::Tensor& result) {
      return (result.to(at::kDouble) - exact).square().mean().sqrt().item<double>();
    };
    const at::Tensor halves = x.to(at::kBFloat16).to(at::kDouble);
    // 50 and more, but for groups of 256, whose largest value is larger.
    CHECK(error(multiply_stored(x, weight, {}, RowsAs::int16)) <
          error(at::linear(halves, widened(weight))) / 30);
  }
}

TEST_CASE("a row's bits depend neither on the rows beside it nor on the threads",
          "[encoder][stored_product]") {
  const auto type = GENERATE(at::kFloat, at::kBFloat16);
  const auto rows_as = GENERATE(RowsAs::they_are, RowsAs::int8, RowsAs::int16);
  const at::Tensor x = at::randn({300, 1200}).to(type);
  for (const StoredWeight& weight : weights(50, 1200)) {
    INFO(name_of(weight));
    const at::Tensor together = multiply_stored(x, weight, std::nullopt, rows_as);
    for (const int threads : {1, 2, 5}) {
      const ThreadCount these(threads);
      for (const std::int64_t count : {1, 2, 13, 241, 300}) {
        const at::Tensor rows =
            multiply_stored(x.narrow(0, 300 - count, count), weight, {}, rows_as);
        CHECK(at::equal(rows, together.narrow(0, 300 - count, count)));
      }
    }
  }
}

// AMX multiplies 16 or 32 rows with as many columns, 32 values at a time; parts of a thread have
// some hundreds, so that sums are kept between blocks of values.
TEST_CASE("rows of bfloat16 that fill no tile, and parts of a product, are multiplied all the same",
          "[encoder][stored_product]") {
  for (const auto& [rows, depth, columns] :
       {std::tuple{16, 32, 16}, {17, 1100, 17}, {33, 544, 47}, {1100, 1088, 600}}) {
    const at::Tensor x = at::randn({rows, depth}).to(at::kBFloat16), bias = at::randn({columns});
    const at::Tensor weight = at::randn({columns, depth}).to(at::kBFloat16);
    INFO(rows << " rows of " << depth << ", " << columns << " columns");
    const at::Tensor expected =
        at::linear(x.to(at::kDouble), weight.to(at::kDouble), bias.to(at::kDouble));
    const at::Tensor ours = multiply_stored(x, {weight, {}, {}}, bias);
    const at::Tensor away = (ours.to(at::kDouble) - expected).abs();
    CHECK((away - expected.abs() / 256).max().item<double>() <=
          1e-5 * expected.abs().max().item<double>());
  }
}

// torch.set_default_dtype of a Python program, for one.
TEST_CASE("the default type of a program changes nothing", "[encoder][stored_product]") {
  const at::Tensor x = at::randn({5, 256}).to(at::kBFloat16);
  for (const StoredWeight& weight : weights(20, 256)) {
    INFO(name_of(weight));
    for (const auto rows_as : {RowsAs::they_are, RowsAs::int8, RowsAs::int16}) {
      const at::Tensor expected = multiply_stored(x, weight, {}, rows_as);
      const auto before = c10::get_default_dtype();
      c10::set_default_dtype(caffe2::TypeMeta::fromScalarType(at::kDouble));
      const at::Tensor ours = multiply_stored(x, weight, {}, rows_as);
      c10::set_default_dtype(before);
      CHECK(at::equal(ours, expected));
    }
  }
}

TEST_CASE("what lies behind the last row of a tile changes nothing", "[encoder][stored_product]") {
  const at::Tensor x = at::randn({40, 512}).to(at::kBFloat16);
  for (const StoredWeight& weight : weights(20, 512)) {
    INFO(name_of(weight));
    for (const auto rows_as : {RowsAs::they_are, RowsAs::int8}) {
      const at::Tensor clean = multiply_stored(x.narrow(0, 0, 5), weight, {}, rows_as);
      const at::Tensor wild = x.clone();
      const double nan = std::numeric_limits<double>::quiet_NaN();
      wild.narrow(0, 5, 35).fill_(rows_as == RowsAs::they_are ? nan : 1e30);
      const at::Tensor beside = multiply_stored(wild, weight, {}, rows_as);
      CHECK(at::equal(beside.narrow(0, 0, 5), clean));
    }
  }
}

TEST_CASE("every float16 is widened to what it is", "[encoder][stored_product]") {
  const at::Tensor bits = at::randint(0, 1, {65536 / 256, 256}, at::kShort);
  auto* values = bits.data_ptr<std::int16_t>();
  for (int i = 0; i < 65536; ++i) values[i] = static_cast<std::int16_t>(i);
  const at::Tensor halves = bits.view(at::kHalf);
  const at::Tensor one = at::full({256, 256}, 0.0);
  one.diagonal().fill_(1.0);
  const at::Tensor finite = halves.isfinite();
  const at::Tensor weight = at::where(finite, halves, at::full({}, 0.0, at::kHalf));
  CHECK(at::equal(multiply_stored(one, {weight, {}, {}}, {}), weight.to(at::kFloat).t()));
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double value : {infinity, -infinity}) {
    const at::Tensor infinite = at::full({1, 1}, value, at::kHalf);
    CHECK(multiply_stored(at::full({1, 1}, 1.0), {infinite, {}, {}}, {}).item<double>() == value);
  }
}

TEST_CASE("rows may be columns of a wider tensor, and weights of a longer row",
          "[encoder][stored_product]") {
  const at::Tensor wide = at::randn({4, 6, 128}), weight = at::randn({24, 128});
  const at::Tensor x = wide.narrow(2, 32, 64), part = weight.narrow(1, 64, 64);
  CHECK(at::equal(multiply_stored(x, {part, {}, {}}, {}),
                  multiply_stored(x.contiguous(), {part.contiguous(), {}, {}}, {})));
  CHECK(multiply_stored(x.narrow(0, 0, 0), {part, {}, {}}, {}).sizes() ==
        at::IntArrayRef({0, 6, 24}));
}

TEST_CASE("a weight that is none is not multiplied", "[encoder][stored_product]") {
  const at::Tensor bytes = at::randint(-127, 128, {8, 96}, at::kChar);
  CHECK_FALSE(can_multiply({}));
  CHECK_FALSE(can_multiply({at::randn({8}), {}, {}}));
  CHECK_FALSE(can_multiply({at::randn({8, 8}).to(at::kDouble), {}, {}}));
  CHECK_FALSE(can_multiply({at::randn({8, 8}).t(), {}, {}}));
  CHECK_FALSE(can_multiply({bytes, {}, {}}));
  CHECK_FALSE(can_multiply({bytes, scales(8, 2), {}}));   // groups of 48
  CHECK_FALSE(can_multiply({bytes, scales(8, 12), {}}));  // of 8
  CHECK_FALSE(can_multiply({bytes, scales(4, 3), {}}));   // of half of the rows
  CHECK_FALSE(can_multiply({bytes, scales(8, 3), scales(8, 1)}));
  CHECK_FALSE(can_multiply({at::randn({8, 96}), scales(8, 3), {}}));
  CHECK_THROWS(multiply_stored(at::randn({2, 95}), {bytes, scales(8, 3), {}}, {}));
}
