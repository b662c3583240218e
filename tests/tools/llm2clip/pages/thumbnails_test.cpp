#include "pages/thumbnails.h"

#include <string>

#include "inputs/scratch_folder.h"
#include "support/catch.h"

namespace llm2clip::cli {
namespace {

using testing::ScratchFolder;

std::string png(std::uint8_t red) {
  const Image image{.width = 3, .height = 2, .pixels = std::vector<std::uint8_t>(18, red)};
  const std::vector<std::uint8_t> file = encode_png(image);
  return {file.begin(), file.end()};
}

TEST_CASE("each id has a thumbnail or a reason", "[tool][thumbnails]") {
  const ScratchFolder folder;
  const std::string good = folder.write("a.png", png(10));
  const std::string text = folder.write("b.jpg", "no image");
  const std::string gone = folder.path("c.png");
  const std::string member = folder.path("d.tar/e.png");
  const std::string frame = folder.path("f.mp4#t=1.0");
  const auto made = thumbnails_of({good, text, gone, member, frame}, {});
  REQUIRE(made.size() == 5);
  CHECK(std::get<Thumbnail>(made.at(good)).width == 3);
  CHECK(std::get<std::string>(made.at(text)).starts_with(text + ": is a text file"));
  CHECK(std::get<std::string>(made.at(gone)).starts_with(gone + ": cannot be opened"));
  CHECK(std::get<std::string>(made.at(member)).starts_with(folder.path("d.tar")));
  CHECK_FALSE(std::get<std::string>(made.at(frame)).empty());
}

TEST_CASE("images that are larger than the limits have none", "[tool][thumbnails]") {
  const ScratchFolder folder;
  const std::string good = folder.write("a.png", png(10));
  const auto made = thumbnails_of({good}, {.max_pixels = 5});
  CHECK(std::get<std::string>(made.at(good)).starts_with(good));
}

}  // namespace
}  // namespace llm2clip::cli
