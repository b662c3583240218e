#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

namespace llm2clip {

/// A weight (N, K) in the precision in which it is stored, which a product reads where it lies.
///
/// Note [Products in place]: on processors where no library multiplies a weight at its rate as it
/// is stored, our own product does: it widens a few columns of 256 values to float32, into the
/// first cache, and multiplies some hundred rows with them before it goes on. Nothing is laid out
/// beforehand and nothing is copied, so a mapped tower starts at once and takes no memory of its
/// own; widening costs a few hundredths of the time from 128 rows on, and is hidden behind reading
/// the weight when there are few. Where the processor multiplies pairs of bfloat16, rows of
/// bfloat16 meet weights that are rounded to it, at twice the rate, and with AMX at many times that
/// (note [Turned rows]). A row's sums are taken in one order, whatever rows are beside it, however
/// many threads share the product and however wide their registers are; that of AMX is another one.
struct StoredWeight {
  /// (N, K) float32, bfloat16, float16 or int8; or (N, K / 2) uint8, two values 0 to 15 in a byte,
  /// the earlier in its lower half.
  at::Tensor values;
  /// (N, groups) float32, bfloat16 or float16, for int8 and four bits: what the values of a group
  /// are multiplied with. A group is 16, 32, 64, 128 or 256 neighbors, or the whole row.
  at::Tensor scales;
  /// As `scales`: what is added then; undefined: nothing.
  at::Tensor minimums;
};

/// Whether multiply_stored takes `weight`, be it fast here or not.
bool can_multiply(const StoredWeight& weight);

/// What the rows of a product are multiplied as.
enum class RowsAs : std::int64_t {
  they_are = 0,
  // Where the weight is of int8 or four bits, with a scale for each of its groups; by their bits:
  int8 = 8,    ///< rounded to integers of -127 to 127 (precision int8-dynamic)
  int16 = 16,  ///< rounded to integers of -32767 to 32767 (precision int16-dynamic)
};

/// x W^T + bias: x (..., K) float32 or bfloat16, sums in float32, the result (..., N) as x. `bias`
/// is (N), of any floating type. Throws c10::Error where the shapes do not fit.
at::Tensor multiply_stored(const at::Tensor& x, const StoredWeight& weight,
                           const std::optional<at::Tensor>& bias,
                           RowsAs rows_as = RowsAs::they_are);

}  // namespace llm2clip
