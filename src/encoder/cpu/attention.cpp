#include "encoder/cpu/attention.h"

#include <ATen/native/CPUBlas.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "base/check.h"
#include "encoder/cpu/parallel.h"
#include "encoder/cpu/vector.h"
#include "encoder/cpu/whole_rows.h"

namespace llm2clip {
namespace {

namespace blas = at::native::cpublas;
using std::int64_t;
using std::uint16_t;
using std::uint32_t;

// Queries whose scores are held at once: with 577 keys they fit the second-level cache.
constexpr int64_t kQueries = 64;

// (T, d) with `stride` between tokens, as the right factor of query key^T. For bfloat16 the
// products take it in pairs: two neighboring components lie side by side.
LLM2CLIP_INLINE void pack_keys(const uint32_t* keys, int64_t stride, int64_t tokens,
                               int64_t columns, uint32_t* packed, int64_t packed_stride) {
  constexpr int64_t kBlock = 16;
  for (int64_t first = 0; first < tokens; first += kBlock) {
    const int64_t count = std::min(kBlock, tokens - first);
    for (int64_t column = 0; column < columns; ++column) {
      for (int64_t t = 0; t < count; ++t) {
        packed[column * packed_stride + first + t] = keys[(first + t) * stride + column];
      }
    }
  }
}

// Two neighboring tokens side by side; an odd last one beside zeros.
LLM2CLIP_INLINE void pack_values(const uint16_t* values, int64_t stride, int64_t tokens,
                                 int64_t columns, uint32_t* packed) {
  for (int64_t t = 0; t < tokens; t += 2) {
    const uint16_t* first = values + t * stride;
    uint32_t* out = packed + t / 2 * columns;
    if (t + 1 < tokens) {
      const uint16_t* second = first + stride;
      for (int64_t i = 0; i < columns; ++i) out[i] = first[i] | uint32_t{second[i]} << 16;
    } else {
      for (int64_t i = 0; i < columns; ++i) out[i] = first[i];
    }
  }
}

// e^(scale (score - largest)) of one row, not yet divided by their sum, which it returns.
// `weights` may be the same memory as `scores`.
template <std::size_t bytes, typename Stored>
LLM2CLIP_INLINE float softmax_row(const float* scores, int64_t count, float scale,
                                  Stored* weights) {
  using namespace vector;
  const int64_t whole = count / kLanes * kLanes;
  const int64_t rest = count - whole;
  Floats<bytes> largest(-std::numeric_limits<float>::infinity());
  for (int64_t i = 0; i < whole; i += kLanes) largest = larger(load<bytes>(scores + i), largest);
  float peak = largest_of(largest);
  for (int64_t i = whole; i < count; ++i) peak = std::max(peak, scores[i]);

  const float factor = scale * 1.4426950409f;  // e^x is 2^(x / ln 2)
  const float offset = peak * factor;
  Floats<bytes> sums = {};
  for (int64_t i = 0; i < whole; i += kLanes) {
    const Floats<bytes> weight = power_of_two(load<bytes>(scores + i) * factor - offset);
    sums += weight;
    store(weight, weights + i);
  }
  if (rest > 0) {
    float last[kLanes];
    store(power_of_two(load_some<bytes>(scores + whole, rest) * factor - offset), last);
    std::fill(last + rest, last + kLanes, 0.0f);
    sums += load<bytes>(static_cast<const float*>(last));
    store_some(load<bytes>(static_cast<const float*>(last)), weights + whole, rest);
  }
  return sum_of(sums);
}

template <std::size_t bytes, typename Stored>
LLM2CLIP_INLINE void divide_row(const float* context, int64_t count, float divisor, Stored* out) {
  using namespace vector;
  const float factor = 1.0f / divisor;
  each_vector(
      count,
      [&](int64_t i) LLM2CLIP_INLINE_LAMBDA { store(load<bytes>(context + i) * factor, out + i); },
      [&](int64_t i, int64_t rest) LLM2CLIP_INLINE_LAMBDA {
        store_some(load_some<bytes>(context + i, rest) * factor, out + i, rest);
      });
}

template <std::size_t bytes, typename Stored>
LLM2CLIP_INLINE void softmax(float* scores, int64_t stride, int64_t rows, int64_t count,
                             float scale, Stored* weights, float* sums) {
  for (int64_t row = 0; row < rows; ++row) {
    sums[row] = softmax_row<bytes>(scores + row * stride, count, scale, weights + row * stride);
    // The products take keys in pairs of bfloat16.
    if (sizeof(Stored) == 2 && count % 2 != 0) weights[row * stride + count] = 0;
  }
}
template <std::size_t bytes, typename Stored>
LLM2CLIP_INLINE void divide(const float* context, int64_t rows, int64_t columns, const float* sums,
                            Stored* out, int64_t out_stride) {
  for (int64_t row = 0; row < rows; ++row) {
    divide_row<bytes>(context + row * columns, columns, sums[row], out + row * out_stride);
  }
}

// One tensor (B, heads, T, d) by its strides.
template <typename Stored>
struct Heads {
  Stored* data;
  int64_t batch, head, token;

  explicit Heads(const at::Tensor& tensor)
      : data(static_cast<Stored*>(tensor.data_ptr())),
        batch(tensor.stride(0)),
        head(tensor.stride(1)),
        token(tensor.stride(2)) {}
  Stored* at(int64_t b, int64_t h, int64_t t = 0) const {
    return data + b * batch + h * head + t * token;
  }
};

struct Sizes {
  int64_t batch, heads, kv_heads, queries, keys, columns;
  float scale;

  // Of so many tokens.
  Sizes of(int64_t tokens) const {
    Sizes result = *this;
    result.queries = result.keys = tokens;
    return result;
  }
  int64_t padded_keys() const {
    return (keys + vector::kLanes - 1) / vector::kLanes * vector::kLanes;
  }
};

void multiply(int64_t rows, int64_t columns, int64_t depth, const float* a, int64_t a_stride,
              const float* b, int64_t b_stride, float* c, int64_t c_stride) {
  blas::brgemm(rows, columns, depth, a_stride, b_stride, c_stride, false, a, b, c, false);
}
void multiply(int64_t rows, int64_t columns, int64_t depth, const uint16_t* a, int64_t a_stride,
              const uint32_t* b, int64_t b_stride, float* c, int64_t c_stride) {
  blas::brgemm(rows, columns, depth, a_stride, b_stride, c_stride, false,
               reinterpret_cast<const at::BFloat16*>(a), reinterpret_cast<const at::BFloat16*>(b),
               c, true);
}

// What one thread needs for the keys and values of one head and a block of queries.
template <typename Stored>
struct Workspace;

template <>
struct Workspace<float> {
  explicit Workspace(const Sizes& s)
      : keys(static_cast<std::size_t>(s.padded_keys() * s.columns)),
        scores(static_cast<std::size_t>(kQueries * s.padded_keys())),
        context(static_cast<std::size_t>(kQueries * s.columns)),
        sums(kQueries) {}
  void pack(const Sizes& s, const float* key, int64_t key_stride, const float* value,
            int64_t value_stride) {
    widest([&](auto) LLM2CLIP_INLINE_LAMBDA {
      pack_keys(reinterpret_cast<const uint32_t*>(key), key_stride, s.keys, s.columns,
                reinterpret_cast<uint32_t*>(keys.data()), s.padded_keys());
    });
    values = value;
    values_stride = value_stride;
  }
  float* weights() { return scores.data(); }
  int64_t depth(const Sizes& s) const { return s.columns; }
  int64_t weighted(const Sizes& s) const { return s.keys; }

  std::vector<float> keys;
  const float* values = nullptr;
  int64_t values_stride = 0;
  std::vector<float> scores, context, sums;
};

template <>
struct Workspace<uint16_t> {
  explicit Workspace(const Sizes& s)
      : keys(static_cast<std::size_t>(s.padded_keys() * s.columns / 2)),
        packed_values(static_cast<std::size_t>((s.keys + 1) / 2 * s.columns)),
        values_stride(s.columns),
        scores(static_cast<std::size_t>(kQueries * s.padded_keys())),
        context(static_cast<std::size_t>(kQueries * s.columns)),
        sums(kQueries),
        rounded(static_cast<std::size_t>(kQueries * s.padded_keys())) {}
  void pack(const Sizes& s, const uint16_t* key, int64_t key_stride, const uint16_t* value,
            int64_t value_stride) {
    widest([&](auto) LLM2CLIP_INLINE_LAMBDA {
      pack_keys(reinterpret_cast<const uint32_t*>(key), key_stride / 2, s.keys, s.columns / 2,
                keys.data(), s.padded_keys());
      pack_values(value, value_stride, s.keys, s.columns, packed_values.data());
    });
    values = packed_values.data();
  }
  uint16_t* weights() { return rounded.data(); }
  int64_t weighted(const Sizes& s) const { return (s.keys + 1) / 2 * 2; }

  std::vector<uint32_t> keys, packed_values;
  const uint32_t* values = nullptr;
  int64_t values_stride;
  std::vector<float> scores, context, sums;
  std::vector<uint16_t> rounded;
};

template <typename Stored>
void attend_head(const Sizes& s, const Stored* query, int64_t query_stride, Stored* out,
                 Workspace<Stored>& work) {
  const int64_t stride = s.padded_keys();
  // Blocks of nearly equal size: a last one of few rows would waste its products.
  const int64_t blocks = (s.queries + kQueries - 1) / kQueries;
  const int64_t block = (s.queries + blocks - 1) / blocks;
  for (int64_t first = 0; first < s.queries; first += block) {
    const int64_t rows = std::min(block, s.queries - first);
    multiply(rows, s.keys, s.columns, query + first * query_stride, query_stride, work.keys.data(),
             stride, work.scores.data(), stride);
    widest([&](auto registers) LLM2CLIP_INLINE_LAMBDA {
      softmax<registers>(work.scores.data(), stride, rows, s.keys, s.scale, work.weights(),
                         work.sums.data());
    });
    multiply(rows, s.columns, work.weighted(s), work.weights(), stride, work.values,
             work.values_stride, work.context.data(), s.columns);
    const int64_t out_stride = s.heads * s.columns;
    widest([&](auto registers) LLM2CLIP_INLINE_LAMBDA {
      divide<registers>(work.context.data(), rows, s.columns, work.sums.data(),
                        out + first * out_stride, out_stride);
    });
  }
}

// Tokens that look at one another, from the token `first` of a row on.
struct Company {
  int64_t row, first;
  Sizes sizes;
};

std::vector<Company> companies(const Sizes& s, std::span<const int64_t> token_counts) {
  std::vector<Company> result;
  if (token_counts.empty()) {
    for (int64_t row = 0; row < s.batch; ++row) result.push_back({row, 0, s});
  }
  int64_t first = 0;
  for (const int64_t count : token_counts) {
    result.push_back({0, first, s.of(count)});
    first += count;
  }
  LLM2CLIP_CHECK(token_counts.empty() || (s.batch == 1 && first == s.queries && first == s.keys));
  return result;
}

int64_t most_keys(const std::vector<Company>& all) {
  int64_t most = 0;
  for (const Company& company : all) most = std::max(most, company.sizes.keys);
  return most;
}

template <typename Stored>
at::Tensor attend_as(const Sizes& s, const at::Tensor& query, const at::Tensor& key,
                     const at::Tensor& value, std::span<const int64_t> token_counts) {
  at::Tensor result = empty_rows({s.batch, s.queries, s.heads * s.columns}, query.options());
  auto* out = static_cast<Stored*>(result.mutable_data_ptr());
  const Heads<Stored> queries(query), keys(key), values(value);
  const std::vector<Company> all = companies(s, token_counts);
  const int64_t items = static_cast<int64_t>(all.size()) * s.kv_heads;
  const int64_t group = s.heads / s.kv_heads;
  at::parallel_for(0, items, 1, [&](int64_t begin, int64_t end) {
    Workspace<Stored> work(s.of(most_keys(all)));
    for (int64_t item = begin; item < end; ++item) {
      const auto& [row, first, sizes] = all[static_cast<std::size_t>(item / s.kv_heads)];
      const int64_t kv = item % s.kv_heads;
      work.pack(sizes, keys.at(row, kv, first), keys.token, values.at(row, kv, first),
                values.token);
      for (int64_t head = kv * group; head < (kv + 1) * group; ++head) {
        attend_head(sizes, queries.at(row, head, first), queries.token,
                    out + ((row * s.queries + first) * s.heads + head) * s.columns, work);
      }
    }
    blas::brgemm_release(sizeof(Stored) == 2);
  });
  return result;
}

}  // namespace

bool can_attend(at::ScalarType type) {
  try {
    const at::Tensor one = at::empty({1, 1, 2, 16}, at::TensorOptions(type)).zero_();
    attend(one, one, one, 1);
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

at::Tensor attend(const at::Tensor& query, const at::Tensor& key, const at::Tensor& value,
                  double scale, std::span<const std::int64_t> token_counts) {
  const Sizes sizes{query.size(0),
                    query.size(1),
                    key.size(1),
                    query.size(2),
                    key.size(2),
                    query.size(3),
                    static_cast<float>(scale)};
  return query.scalar_type() == at::kFloat
             ? attend_as<float>(sizes, query, key, value, token_counts)
             : attend_as<uint16_t>(sizes, query, key, value, token_counts);
}

}  // namespace llm2clip
