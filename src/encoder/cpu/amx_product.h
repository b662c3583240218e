#pragma once

#include "encoder/cpu/product_job.h"

namespace llm2clip {

/// The product of rows of bfloat16 with any stored weight, which is rounded to bfloat16, by AMX.
///
/// Note [Turned rows]: AMX sums a tile of 16 rows of its left factor with 16 columns of its right
/// one, of which each element has a pair of neighbors. Elsewhere (panel.h) the weight's columns are
/// turned while they are widened, which takes longer than multiplying 60 rows by AMX. So here the
/// weight is the left factor, whose rows stay rows, and x is turned, once for all columns; what the
/// tiles give is turned back when it is finished.
void multiply_pairs_by_tiles(const products::Job& job);

}  // namespace llm2clip
