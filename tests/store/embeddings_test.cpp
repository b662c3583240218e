#include "llm2clip/embeddings.h"

#include <utility>

#include "support/catch.h"
#include "support/error.h"

using namespace llm2clip;
using namespace llm2clip::testing;

TEST_CASE("Embeddings adopt and release their storage", "[store][embeddings]") {
  std::vector<float> values = {1, 2, 3, 4, 5, 6};
  const float* const storage = values.data();
  Embeddings rows(2, 3, std::move(values));
  CHECK(rows[1][0] == 4);
  CHECK(rows.values().data() == storage);

  const std::vector<float> released = rows.release();
  CHECK(released.data() == storage);
  CHECK(released == std::vector<float>{1, 2, 3, 4, 5, 6});
  CHECK(rows.rows() == 0);
  CHECK(rows.dim() == 3);
  CHECK(rows.values().empty());
}

TEST_CASE("a view shows rows where they are", "[store][embeddings]") {
  const std::vector<float> values = {1, 2, 3, 4};
  const EmbeddingsView view(2, 2, values);
  CHECK(view[1].data() == &values[2]);
  const Embeddings rows(2, 2, values);
  CHECK(EmbeddingsView(rows).values().data() == rows.values().data());
}

TEST_CASE("values that are no rows of that size are refused", "[store][embeddings]") {
  const auto kind = [](std::size_t rows, std::size_t dim, std::size_t count) {
    const std::vector<float> values(count);
    CHECK(error_of([&] { EmbeddingsView(rows, dim, values); }).kind() ==
          ErrorKind::invalid_argument);
    return error_of([&] { Embeddings(rows, dim, values); }).kind();
  };
  CHECK(kind(2, 3, 5) == ErrorKind::invalid_argument);
  CHECK(kind(0, 0, 1) == ErrorKind::invalid_argument);
  CHECK(kind(std::size_t{1} << 62, 4, 0) == ErrorKind::invalid_argument);  // its product is 0
  CHECK(Embeddings(3, 0, {}).rows() == 3);
}
