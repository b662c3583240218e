#include "encoder/cpu/kernels.h"

namespace llm2clip {

at::Tensor patches(const at::Tensor& pixels, std::int64_t side) {
  const std::int64_t rows = pixels.size(2) / side, columns = pixels.size(3) / side;
  return pixels.slice(2, 0, rows * side)
      .slice(3, 0, columns * side)
      .unflatten(3, {columns, side})
      .unflatten(2, {rows, side})   // (B, 3, rows, P, columns, P)
      .permute({0, 2, 4, 1, 3, 5})  // (B, rows, columns, 3, P, P)
      .reshape({pixels.size(0), rows * columns, pixels.size(1) * side * side});
}

}  // namespace llm2clip
