#include <string>
#include <utility>
#include <vector>

#include "llm2clip/index.h"
#include "support/catch.h"
#include "support/error.h"
#include "support/scratch.h"

using namespace llm2clip;
using Catch::Matchers::Contains;
using testing::error_of;

namespace {

constexpr std::size_t kDim = 40;

}  // namespace

TEST_CASE("an index knows the model that its rows are of", "[index]") {
  const testing::Scratch folder;
  ModelInfo model;
  model.name = "one";
  model.dim = kDim;
  model.manifest_sha256 = "aa";
  model.vision = PartInfo{.file = "vision.pt",
                          .precision = {},
                          .repository = {},
                          .revision = {},
                          .bytes = 0,
                          .sha256 = "bb"};
  const auto fits = [&](std::vector<std::pair<std::string, std::string>> provenance) {
    const testing::Scratch place;
    IndexWriter(place / "a.index", {.dim = kDim, .provenance = std::move(provenance)}).commit();
    Index::open(place / "a.index").check_fits(model);
  };
  fits({});
  fits({{"model", "other name"}, {"manifest_sha256", "aa"}, {"vision_sha256", "cc"}});
  fits({{"manifest_sha256", "cc"}, {"vision_sha256", "bb"}, {"text_sha256", "dd"}});
  const Error other = error_of([&] { fits({{"model", "two"}, {"vision_sha256", "cc"}}); });
  CHECK(other.kind() == ErrorKind::invalid_argument);
  CHECK_THAT(other.what(), Contains("model two: vision_sha256 is cc there and bb here"));
  CHECK_THAT(error_of([&] { fits({{"manifest_sha256", "cc"}, {"vision_sha256", "bb"}}); }).what(),
             Contains("manifest_sha256 is cc there and aa here"));
  model.dim = 7;
  CHECK_THAT(error_of([&] { fits({}); }).what(),
             Contains("rows have 40 components, model one has 7"));
}
