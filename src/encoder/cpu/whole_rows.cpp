#include "encoder/cpu/whole_rows.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

namespace llm2clip {
namespace {

std::int64_t rows_of(at::IntArrayRef sizes) {
  return c10::multiply_integers(sizes.begin(), sizes.end() - 1);
}

std::int64_t rounded_up(std::int64_t value, std::int64_t step) {
  return (value + step - 1) / step * step;
}

}  // namespace

std::int64_t whole_rows(std::int64_t rows) {
  // A single text should not pay for it.
  if (rows <= 32 || rows > 1024) return rows;
  return rounded_up(rows, rows <= 64 ? 4 : rows <= 256 ? 16 : 32);
}

at::Tensor empty_rows(at::IntArrayRef sizes, const at::TensorOptions& options) {
  const std::int64_t rows = rows_of(sizes);
  const std::int64_t whole = whole_rows(rows);
  const at::Tensor all = at::empty({whole, sizes.back()}, options);
  all.narrow(0, rows, whole - rows).zero_();
  return all.narrow(0, 0, rows).view(sizes);
}

at::Tensor as_whole_rows(const at::Tensor& x) {
  const std::int64_t width = x.size(-1);
  const std::int64_t rows = rows_of(x.sizes());
  const std::int64_t whole = whole_rows(rows);
  if (whole == rows) return x.reshape({rows, width});
  const auto end = static_cast<std::size_t>(x.storage_offset() + whole * width) * x.element_size();
  if (x.is_contiguous() && end <= x.storage().nbytes())
    return x.as_strided({whole, width}, {width, 1});
  const at::Tensor copy = at::zeros({whole, width}, x.options());
  copy.narrow(0, 0, rows).copy_(x.reshape({rows, width}));
  return copy;
}

}  // namespace llm2clip
