#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>

#include "encoder/cpu/kernels.h"
#include "encoder/cpu/rows_of.h"

namespace llm2clip {
namespace {

using namespace vector;
using std::int64_t;

template <std::size_t bytes, typename Stored>
LLM2CLIP_INLINE void halves(const Stored* x, const Stored* cos, const Stored* sin, Stored* out,
                            int64_t half) {
  each_vector(
      half,
      [&](int64_t i) LLM2CLIP_INLINE_LAMBDA {
        const auto a = load<bytes>(x + i), b = load<bytes>(x + half + i), c = load<bytes>(cos + i),
                   s = load<bytes>(sin + i);
        store(a * c - b * s, out + i);
        store(b * c + a * s, out + half + i);
      },
      [&](int64_t i, int64_t rest) LLM2CLIP_INLINE_LAMBDA {
        const auto a = load_some<bytes>(x + i, rest), b = load_some<bytes>(x + half + i, rest);
        const auto c = load_some<bytes>(cos + i, rest), s = load_some<bytes>(sin + i, rest);
        store_some(a * c - b * s, out + i, rest);
        store_some(b * c + a * s, out + half + i, rest);
      });
}

// `cos` holds each cosine twice, `sin` each sine twice, the first of them negative: the pairs' own
// turn is then x cos + swapped(x) sin.
template <std::size_t bytes, typename Stored>
LLM2CLIP_INLINE void neighbors(const Stored* x, const float* cos, const float* sin, Stored* out,
                               int64_t count) {
  const auto turn = [](auto v, auto c, auto s)
                        LLM2CLIP_INLINE_LAMBDA { return v * c + swapped_pairs(v) * s; };
  each_vector(
      count,
      [&](int64_t i) LLM2CLIP_INLINE_LAMBDA {
        store(turn(load<bytes>(x + i), load<bytes>(cos + i), load<bytes>(sin + i)), out + i);
      },
      [&](int64_t i, int64_t rest) LLM2CLIP_INLINE_LAMBDA {
        store_some(turn(load_some<bytes>(x + i, rest), load_some<bytes>(cos + i, rest),
                        load_some<bytes>(sin + i, rest)),
                   out + i, rest);
      });
}

// All heads of one token; `head` is what lies between two of them in x.
template <std::size_t bytes, typename Stored>
LLM2CLIP_INLINE void turn_halves(const Stored* x, int64_t head, int64_t heads, const Stored* cos,
                                 const Stored* sin, Stored* out, int64_t width) {
  for (int64_t h = 0; h < heads; ++h)
    halves<bytes>(x + h * head, cos, sin, out + h * width, width / 2);
}
template <std::size_t bytes, typename Stored>
LLM2CLIP_INLINE void turn_neighbors(const Stored* x, int64_t head, int64_t heads, const float* cos,
                                    const float* sin, Stored* out, int64_t width) {
  for (int64_t h = 0; h < heads; ++h)
    neighbors<bytes>(x + h * head, cos, sin, out + h * width, width);
}

bool can_rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin,
                int64_t first_turned) {
  const auto is_table = [&](const at::Tensor& table) {
    return table.dim() == 2 && table.is_contiguous() && table.scalar_type() == x.scalar_type() &&
           table.size(0) == x.size(2) - first_turned && table.size(1) * 2 == x.size(3);
  };
  return x.dim() == 4 && x.stride(3) == 1 && is_vectorized(x.scalar_type()) && is_table(cos) &&
         is_table(sin);
}

// Calls `turn(x, out, token)` for each token of each row, `out` being (B, T, heads, d).
template <typename Stored, typename Turn>
at::Tensor each_token(const at::Tensor& x, const Turn& turn) {
  const int64_t batch = x.size(0), heads = x.size(1), tokens = x.size(2), width = x.size(3);
  at::Tensor result = at::empty({batch, tokens, heads, width}, x.options());
  const auto* in = static_cast<const Stored*>(x.const_data_ptr());
  auto* out = static_cast<Stored*>(result.mutable_data_ptr());
  for_rows(batch * tokens, heads * width, [&](int64_t first, int64_t last) {
    for (int64_t item = first; item < last; ++item) {
      const int64_t token = item % tokens;
      turn(in + item / tokens * x.stride(0) + token * x.stride(2), out + item * heads * width,
           token);
    }
  });
  return result.transpose(1, 2);
}

template <typename Stored>
at::Tensor rotate_halves_as(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  const RowsOf<Stored> cosines(cos), sines(sin);
  return each_token<Stored>(x, [&](const Stored* in, Stored* out, int64_t token) {
    widest([&](auto registers) LLM2CLIP_INLINE_LAMBDA {
      turn_halves<registers>(in, x.stride(1), x.size(1), cosines[token], sines[token], out,
                             x.size(3));
    });
  });
}

template <typename Stored>
at::Tensor rotate_neighbors_as(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  const at::Tensor twice = cos.to(at::kFloat).unsqueeze(-1).expand({-1, -1, 2}).contiguous();
  const at::Tensor wide = sin.to(at::kFloat);
  const at::Tensor signs = at::stack({wide.neg(), wide}, -1);
  const auto* cosines = twice.const_data_ptr<float>();
  const auto* sines = signs.const_data_ptr<float>();
  const int64_t heads = x.size(1), width = x.size(3);
  return each_token<Stored>(x, [&](const Stored* in, Stored* out, int64_t token) {
    if (token == 0) {
      for (int64_t h = 0; h < heads; ++h) {
        std::copy_n(in + h * x.stride(1), width, out + h * width);
      }
      return;
    }
    widest([&](auto registers) LLM2CLIP_INLINE_LAMBDA {
      turn_neighbors<registers>(in, x.stride(1), heads, cosines + (token - 1) * width,
                                sines + (token - 1) * width, out, width);
    });
  });
}

}  // namespace

at::Tensor rotate_halves(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  if (!can_rotate(x, cos, sin, 0)) {
    const std::vector<at::Tensor> half = x.chunk(2, -1);
    return at::cat({half[0].mul(cos).sub(half[1].mul(sin)), half[1].mul(cos).add(half[0].mul(sin))},
                   -1);
  }
  return x.scalar_type() == at::kFloat ? rotate_halves_as<float>(x, cos, sin)
                                       : rotate_halves_as<BFloat16>(x, cos, sin);
}

at::Tensor rotate_neighbors(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  if (!can_rotate(x, cos, sin, 1)) {
    const std::vector<at::Tensor> pair = x.slice(2, 1).unflatten(-1, {-1, 2}).unbind(-1);
    const at::Tensor turned =
        at::stack({pair[0].mul(cos).sub(pair[1].mul(sin)), pair[1].mul(cos).add(pair[0].mul(sin))},
                  -1)
            .flatten(-2);
    return at::cat({x.slice(2, 0, 1), turned}, 2);
  }
  return x.scalar_type() == at::kFloat ? rotate_neighbors_as<float>(x, cos, sin)
                                       : rotate_neighbors_as<BFloat16>(x, cos, sin);
}

}  // namespace llm2clip
