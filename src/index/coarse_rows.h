#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "index/manifest.h"

namespace llm2clip {

class Segment;

// Rows in eight bits a component, with a scale each: a search of every row reads half as much of
// them. What they leave out is bounded, so that the rows which may be among the best are certainly
// among those that are looked at again as they are stored.

/// A query as coarse rows are multiplied with it: in integers of so many bits that their sum fits.
class CoarseQuery {
 public:
  explicit CoarseQuery(std::span<const float> query);

  /// The dot product of the query and scale * row, nearly.
  float product(const std::int8_t* row, float scale) const;
  /// The most by which that is away from the dot product with a row of unit length from which the
  /// coarse one is `row_error` away.
  float error(float row_error) const;

 private:
  std::vector<std::int16_t> values_;
  float scale_;
  double norm_ = 0;
  double left_out_;  // norm of the query less scale_ * values_
};

/// What a row in eight bits a component is multiplied with, and how far the result is from the row.
struct CoarseScale {
  float scale;
  double error;
};

/// The row in eight bits a component.
CoarseScale make_coarse(std::span<const std::uint16_t> row, std::span<std::int8_t> coarse);

/// Writes the coarse rows of a segment: rows * dim int8, and a float for each row, its scale, from
/// the next multiple of four bytes on.
IndexCoarse write_coarse_rows(const std::filesystem::path& folder, const std::string& name,
                              const Segment& rows, std::size_t dim);

/// How large that file is.
std::uint64_t coarse_bytes(std::uint64_t rows, std::size_t dim);

}  // namespace llm2clip
