#include "index/hnsw/seeds.h"

#include <algorithm>

#include "index/coarse_rows.h"

namespace llm2clip {
namespace {

// One of so many rows: a crowd of a few hundred has some. Looking at all seeds takes a hundredth of
// the time of looking at all rows, and from four million rows on no more than a few milliseconds.
constexpr std::size_t kShare = 64;
constexpr std::size_t kMostSeeds = 65'536;

}  // namespace

std::size_t Seeds::count_of(std::size_t rows) {
  return std::min({rows, rows / kShare + 1, kMostSeeds});
}

void Seeds::add(std::uint32_t slot, std::span<const std::uint16_t> row) {
  slots_.push_back(slot);
  values_.resize(values_.size() + dim_);
  scales_.push_back(make_coarse(row, std::span(values_).last(dim_)).scale);
}

std::vector<std::uint32_t> Seeds::nearest(std::span<const float> query, std::size_t count) const {
  const CoarseQuery coarse(query);
  std::vector<std::pair<float, std::uint32_t>> found(slots_.size());
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    found[i] = {coarse.product(values_.data() + i * dim_, scales_[i]), slots_[i]};
  }
  count = std::min(count, found.size());
  const auto last = found.begin() + static_cast<std::ptrdiff_t>(count);
  std::partial_sort(found.begin(), last, found.end(), std::greater());
  std::vector<std::uint32_t> slots(count);
  std::transform(found.begin(), last, slots.begin(), [](const auto& seed) { return seed.second; });
  return slots;
}

}  // namespace llm2clip
