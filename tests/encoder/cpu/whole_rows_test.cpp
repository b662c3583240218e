#include "encoder/cpu/whole_rows.h"

#include <ATen/ATen.h>

#include <set>

#include "support/catch.h"

using namespace llm2clip;

TEST_CASE("texts of any number of tokens make products of few numbers of rows",
          "[encoder][optimize]") {
  std::set<std::int64_t> counts;
  for (std::int64_t rows = 1; rows <= 1024; ++rows) {
    const std::int64_t whole = whole_rows(rows);
    CHECK(whole >= rows);
    CHECK(whole - rows < std::max<std::int64_t>(4, rows / 4));
    counts.insert(whole);
  }
  CHECK(counts.size() <= 80);
  CHECK(whole_rows(0) == 0);
  CHECK(whole_rows(26) == 26);
  CHECK(whole_rows(1577) == 1577);
}

TEST_CASE("rows that were made for it need no copy, and have zeros behind them",
          "[encoder][optimize]") {
  const at::Tensor rows = empty_rows({5, 7, 5}, at::kFloat);
  rows.fill_(1);
  const at::Tensor whole = as_whole_rows(rows);
  CHECK(whole.data_ptr() == rows.data_ptr());
  CHECK(whole.sizes() == at::IntArrayRef({36, 5}));
  CHECK(at::equal(whole.narrow(0, 0, 35), rows.view({35, 5})));
  CHECK(whole.narrow(0, 35, 1).eq(0).all().item<bool>());
}

TEST_CASE("other rows are copied: without room behind them, or not side by side",
          "[encoder][optimize]") {
  const at::Tensor exact = at::randn({5, 7, 5});
  const at::Tensor first_tokens = at::randn({35, 4, 5}).narrow(1, 0, 1);
  for (const at::Tensor& rows : {exact, first_tokens}) {
    const at::Tensor whole = as_whole_rows(rows);
    CHECK(whole.data_ptr() != rows.data_ptr());
    CHECK(at::equal(whole.narrow(0, 0, 35), rows.reshape({35, 5})));
    CHECK(whole.narrow(0, 35, 1).eq(0).all().item<bool>());
  }
  const at::Tensor enough = at::randn({2000, 5});
  CHECK(as_whole_rows(enough).data_ptr() == enough.data_ptr());
}
