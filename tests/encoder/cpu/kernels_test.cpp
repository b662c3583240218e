#include "encoder/cpu/kernels.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "encoder/cpu/attention.h"
#include "support/catch.h"

using namespace llm2clip;

namespace {

// Widths with and without a last part of a vector; 341 and 2730 are those of EVA02's perceptrons.
constexpr std::int64_t kWidths[] = {1, 7, 16, 33, 341, 768, 2730};

// In float64, so that the error is ours.
at::Tensor exact(const at::Tensor& tensor) { return tensor.to(at::kDouble); }

// Two units in the last place of the largest value, or what rounding the inputs of the last step
// may make of it.
double tolerance(at::ScalarType type) { return type == at::kFloat ? 2e-6 : 1.6e-2; }

void check_near(const at::Tensor& ours, const at::Tensor& expected) {
  REQUIRE(ours.sizes() == expected.sizes());
  const double scale = std::max(1.0, expected.abs().max().item<double>());
  const double error = (exact(ours) - expected).abs().max().item<double>();
  INFO(ours.scalar_type() << " of width " << ours.size(-1));
  CHECK(error <= tolerance(ours.scalar_type()) * scale);
}

template <typename Check>
void for_types_and_widths(const Check& check) {
  for (const auto type : {at::kFloat, at::kBFloat16}) {
    for (const std::int64_t width : kWidths) check(type, width);
  }
}

// Half the columns of a matrix, as the halves of a merged product are.
at::Tensor columns(at::ScalarType type, std::int64_t width) {
  return at::randn({3, 5, 2 * width}).to(type).narrow(-1, width, width);
}

at::Tensor exact_layer_norm(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  return at::layer_norm(exact(x), weight.sizes(), exact(weight), exact(bias), 1e-5);
}

at::Tensor exact_rms_norm(const at::Tensor& x, const at::Tensor& weight) {
  const at::Tensor wide = exact(x);
  return wide / (wide.square().mean(-1, true) + 1e-5).sqrt() * exact(weight);
}

}  // namespace

TEST_CASE("activations are x sigmoid(1.702 x) and silu(gate) up", "[encoder][optimize]") {
  for_types_and_widths([](at::ScalarType type, std::int64_t width) {
    const at::Tensor x = at::randn({3, 5, width}).to(type) * 5;
    const at::Tensor quick = exact(x) * (exact(x) * 1.702).sigmoid();
    check_near(quick_gelu(x), quick);
    at::Tensor in_place = x.clone();
    quick_gelu_in_place(in_place);
    check_near(in_place, quick);
    const at::Tensor gate = columns(type, width), up = columns(type, width);
    check_near(silu_mul(gate, up), at::silu(exact(gate)) * exact(up));
  });
}

TEST_CASE("activations of extreme values are those of the formula", "[encoder][optimize]") {
  const at::Tensor x = at::tensor({-1e30f, -300.0f, -88.0f, 0.0f, 88.0f, 300.0f, 1e30f});
  const at::Tensor y = quick_gelu(x);
  CHECK(at::equal(y.slice(0, 3), x.slice(0, 3)));
  CHECK(y.slice(0, 0, 3).abs().max().item<float>() < 1e-6f);
}

TEST_CASE("norms are those of float64, with and without a sum before them", "[encoder][optimize]") {
  for_types_and_widths([](at::ScalarType type, std::int64_t width) {
    if (width < 7) return;  // a norm of one value is a division of nearly nothing
    const at::Tensor x = at::randn({3, 5, width}).to(type), y = columns(type, width);
    const at::Tensor weight = at::randn({width}).to(type), bias = at::randn({width}).to(type);
    check_near(layer_norm(x, weight, bias, 1e-5), exact_layer_norm(x, weight, bias));
    check_near(rms_norm(x, weight, 1e-5), exact_rms_norm(x, weight));

    const at::Tensor total = x + y;
    const auto [sum, normed] = add_layer_norm(x, y, weight, bias, 1e-5);
    CHECK(at::equal(sum, total));
    check_near(normed, exact_layer_norm(total, weight, bias));
    const auto [rms_sum, rms_normed] = add_rms_norm(x, y, weight, 1e-5);
    CHECK(at::equal(rms_sum, total));
    check_near(rms_normed, exact_rms_norm(total, weight));

    const at::Tensor product = silu_mul(x, y);
    check_near(silu_mul_layer_norm(x, y, weight, bias, 1e-5),
               exact_layer_norm(product, weight, bias));
  });
}

TEST_CASE("a sum that broadcasts is LibTorch's", "[encoder][optimize]") {
  const at::Tensor x = at::randn({3, 5, 32}), y = at::randn({5, 32});
  const at::Tensor weight = at::randn({32}), bias = at::randn({32});
  const auto [sum, normed] = add_layer_norm(x, y, weight, bias, 1e-5);
  CHECK(at::equal(sum, x + y));
  check_near(normed, exact_layer_norm(sum, weight, bias));
}

TEST_CASE("rotations turn halves, or neighbors behind the first token", "[encoder][optimize]") {
  for (const auto type : {at::kFloat, at::kBFloat16}) {
    for (const std::int64_t width : {8, 64, 72, 128}) {
      const at::Tensor x =
          at::randn({2, 6, 3 * width}).to(type).view({2, 6, 3, width}).transpose(1, 2);
      const at::Tensor cos = at::randn({6, width / 2}).to(type),
                       sin = at::randn({6, width / 2}).to(type);
      const at::Tensor c = exact(cos), s = exact(sin);
      const auto half = exact(x).chunk(2, -1);
      check_near(rotate_halves(x, cos, sin),
                 at::cat({half[0] * c - half[1] * s, half[1] * c + half[0] * s}, -1));

      const at::Tensor tables[] = {cos.slice(0, 1), sin.slice(0, 1)};
      const at::Tensor c1 = exact(tables[0]), s1 = exact(tables[1]);
      const auto pair = exact(x).slice(2, 1).unflatten(-1, {-1, 2}).unbind(-1);
      const at::Tensor turned =
          at::stack({pair[0] * c1 - pair[1] * s1, pair[1] * c1 + pair[0] * s1}, -1).flatten(-2);
      check_near(rotate_neighbors(x, tables[0], tables[1]),
                 at::cat({exact(x).slice(2, 0, 1), turned}, 2));
    }
  }
}

TEST_CASE("attention is that of float64, for every layout that towers have",
          "[encoder][optimize]") {
  struct Case {
    std::int64_t batch, heads, kv_heads, tokens, width;
  };
  for (const Case& c : {Case{2, 3, 3, 1, 16}, Case{1, 2, 2, 197, 64}, Case{2, 8, 2, 26, 64},
                        Case{1, 2, 1, 63, 80}, Case{1, 1, 1, 130, 72}, Case{3, 4, 1, 64, 128}}) {
    for (const auto type : {at::kFloat, at::kBFloat16}) {
      if (!can_attend(type)) continue;
      const at::Tensor product = at::randn({c.batch, c.tokens, c.heads + 2 * c.kv_heads, c.width})
                                     .to(type)
                                     .transpose(1, 2);
      const at::Tensor query = product.narrow(1, 0, c.heads);
      const at::Tensor key = product.narrow(1, c.heads, c.kv_heads);
      const at::Tensor value = product.narrow(1, c.heads + c.kv_heads, c.kv_heads);
      const auto shared = [&](const at::Tensor& x) {
        return exact(x).repeat_interleave(c.heads / c.kv_heads, 1);
      };
      const at::Tensor expected = at::scaled_dot_product_attention(exact(query), shared(key),
                                                                   shared(value), {}, 0, false, 0.1)
                                      .transpose(1, 2)
                                      .flatten(2);
      check_near(attend(query, key, value, 0.1), expected);
      // Of some queries alone, as where a tower's first token is all that is read.
      check_near(attend(query.narrow(2, 0, 1), key, value, 0.1), expected.narrow(1, 0, 1));
    }
  }
}

TEST_CASE("a row of attention has the same bits in any batch, with any number of threads",
          "[encoder][optimize]") {
  const int threads = at::get_num_threads();
  for (const auto type : {at::kFloat, at::kBFloat16}) {
    if (!can_attend(type)) continue;
    const at::Tensor x = at::randn({9, 2, 37, 64}).to(type);
    const at::Tensor together = attend(x, x, x, 0.125);
    for (const int count : {1, 2}) {
      at::set_num_threads(count);
      for (std::int64_t row = 0; row < 9; ++row) {
        const at::Tensor one = x.narrow(0, row, 1);
        CHECK(at::equal(attend(one, one, one, 0.125), together.narrow(0, row, 1)));
      }
    }
    at::set_num_threads(threads);
  }
}

TEST_CASE("patches are the squares of the image, row by row", "[encoder][optimize]") {
  const at::Tensor pixels = at::randn({2, 3, 6, 8});
  const at::Tensor rows = patches(pixels, 2);
  CHECK(rows.sizes() == at::IntArrayRef({2, 12, 12}));
  // Second row of squares, third in it.
  CHECK(at::equal(rows.select(1, 6), pixels.slice(2, 2, 4).slice(3, 4, 6).flatten(1)));
}
