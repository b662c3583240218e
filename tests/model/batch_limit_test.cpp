#include "model/batch_limit.h"

#include <algorithm>
#include <vector>

#include "support/catch.h"
#include "support/error.h"

namespace llm2clip {
namespace {

using testing::error_of;

const Error kNoMemory(ErrorKind::out_of_memory, "vision.pt: out of memory");

TEST_CASE("batches are halved until they fit, and every row is encoded once", "[batch_limit]") {
  for (std::size_t fits = 1; fits <= 1024; ++fits) {
    BatchLimit limit;
    std::vector<int> encoded(1500, 0);
    int attempts = 0;
    for_each_batch(encoded.size(), 1024, limit, [&](std::size_t first, std::size_t rows) {
      ++attempts;
      if (rows > fits) throw kNoMemory;
      for (std::size_t i = first; i < first + rows; ++i) ++encoded[i];
    });
    INFO(fits << " rows fit");
    REQUIRE(std::count(encoded.begin(), encoded.end(), 1) == 1500);
    // log2(1024) failures in the beginning, and one each time the limit has grown.
    const int batches = static_cast<int>(1500 / std::max<std::size_t>(fits / 2, 1)) + 1;
    REQUIRE(attempts <= 10 + batches + batches / 64 + 1);
  }
}

TEST_CASE("a row that does not fit alone is an error", "[batch_limit]") {
  BatchLimit limit;
  const Error error = error_of(
      [&] { for_each_batch(8, 8, limit, [](std::size_t, std::size_t) { throw kNoMemory; }); });
  CHECK(error.kind() == ErrorKind::out_of_memory);
}

TEST_CASE("a row that does not fit alone is left out where that is wanted", "[batch_limit]") {
  BatchLimit limit;
  std::vector<int> encoded(100, 0);
  std::vector<std::size_t> left_out;
  const auto encode = [&](std::size_t first, std::size_t rows) {
    for (std::size_t i = first; i < first + rows; ++i) {
      if (i % 10 == 3 || i % 10 == 4) throw kNoMemory;
    }
    for (std::size_t i = first; i < first + rows; ++i) ++encoded[i];
  };
  for_each_batch(encoded.size(), 16, limit, encode,
                 [&](std::size_t row, const Error&) { left_out.push_back(row); });
  CHECK(left_out.size() == 20);
  for (std::size_t i = 0; i < encoded.size(); ++i) {
    CHECK(encoded[i] == (i % 10 == 3 || i % 10 == 4 ? 0 : 1));
  }
}

TEST_CASE("of three rows in a row that do not fit the third is an error", "[batch_limit]") {
  BatchLimit limit;
  std::vector<std::size_t> left_out;
  const auto leave_out = [&](std::size_t row, const Error&) { left_out.push_back(row); };
  const auto encode = [](std::size_t first, std::size_t rows) {
    if (first + rows > 4) throw kNoMemory;
  };
  const Error error = error_of([&] { for_each_batch(8, 8, limit, encode, leave_out); });
  CHECK(error.kind() == ErrorKind::out_of_memory);
  CHECK(left_out == std::vector<std::size_t>{4, 5});
}

TEST_CASE("rows of different calls are in a row, too", "[batch_limit]") {
  BatchLimit limit;
  int left_out = 0;
  const auto next = [&] {
    for_each_batch(
        1, 1, limit, [](std::size_t, std::size_t) { throw kNoMemory; },
        [&](std::size_t, const Error&) { ++left_out; });
  };
  next();
  next();
  CHECK(left_out == 2);
  CHECK(error_of(next).kind() == ErrorKind::out_of_memory);
}

TEST_CASE("other errors are not tried again", "[batch_limit]") {
  BatchLimit limit;
  int attempts = 0;
  const auto fail = [&](std::size_t, std::size_t) {
    ++attempts;
    throw Error(ErrorKind::bad_model, "vision.pt: is damaged");
  };
  CHECK(error_of([&] { for_each_batch(8, 8, limit, fail); }).kind() == ErrorKind::bad_model);
  CHECK(attempts == 1);
}

TEST_CASE("after 64 good batches larger ones are tried", "[batch_limit]") {
  BatchLimit limit;
  limit.too_many(16);
  for (int i = 0; i < 63; ++i) limit.went_well();
  CHECK(limit.rows(16) == 8);
  limit.went_well();
  CHECK(limit.rows(16) == 16);
}

}  // namespace
}  // namespace llm2clip
