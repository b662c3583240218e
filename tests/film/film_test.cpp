// Films of plain colors without compression, written here. tests/tools/llm2clip/inputs has films of
// real codecs, which ffmpeg writes.

#include "llm2clip/film.h"

#include <array>
#include <cmath>
#include <fstream>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "llm2clip/error.h"
#include "support/catch.h"
#include "support/error.h"
#include "support/scratch.h"

namespace llm2clip {
namespace {

using testing::error_of;
using Color = std::array<std::uint8_t, 3>;

constexpr std::uint32_t kSide = 16;
const std::vector<Color> kColors = {{250, 10, 20}, {30, 240, 40}, {50, 60, 230}, {9, 9, 9}};

std::string number(std::uint32_t value) {
  std::string bytes;
  for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(value >> shift & 0xFFu);
  return bytes;
}

std::string chunk(const std::string& name, const std::string& content) {
  return name + number(static_cast<std::uint32_t>(content.size())) + content;
}

std::string numbers(const std::vector<std::uint32_t>& values) {
  std::string bytes;
  for (const std::uint32_t value : values) bytes += number(value);
  return bytes;
}

// An AVI of a frame every `half_seconds`, each of one color. `announced` frames stand in its
// header.
std::string film_of(const std::vector<Color>& colors, std::uint32_t announced,
                    std::uint32_t half_seconds = 1) {
  const std::uint32_t bytes = kSide * kSide * 3;
  const std::string main =
      numbers({500'000, 0, 0, 0x10, announced, 0, 1, bytes, kSide, kSide, 0, 0, 0, 0});
  const std::string stream = "vidsDIB " + numbers({0, 0, 0, half_seconds, 2, 0, announced, bytes, 0,
                                                   0, 0, kSide | kSide << 16});
  const std::string format = numbers({40, kSide, kSide, 1 | 24 << 16, 0, bytes, 0, 0, 0, 0});
  std::string frames, index;
  for (const Color& color : colors) {
    index += "00db" + numbers({0x10, static_cast<std::uint32_t>(frames.size()) + 4, bytes});
    std::string pixels;
    for (std::uint32_t i = 0; i < kSide * kSide; ++i)
      pixels.append({char(color[2]), char(color[1]), char(color[0])});
    frames += chunk("00db", pixels);
  }
  const std::string streams = chunk("LIST", "strl" + chunk("strh", stream) + chunk("strf", format));
  return chunk("RIFF", "AVI " + chunk("LIST", "hdrl" + chunk("avih", main) + streams) +
                           chunk("LIST", "movi" + frames) + chunk("idx1", index));
}

class WrittenFilm {
 public:
  explicit WrittenFilm(const std::vector<Color>& colors, std::uint32_t announced = 0)
      : path_(scratch_.write("film.avi", film_of(colors, announced > 0 ? announced
                                                                       : static_cast<std::uint32_t>(
                                                                             colors.size())))) {}
  const std::filesystem::path& path() const { return path_; }

 private:
  testing::Scratch scratch_;
  std::filesystem::path path_;
};

Color color_of(const std::optional<Image>& image) {
  REQUIRE(image);
  CHECK(image->width == static_cast<int>(kSide));
  CHECK(image->height == static_cast<int>(kSide));
  return {image->pixels[0], image->pixels[1], image->pixels[2]};
}

TEST_CASE("the frame that is shown at a second is given, again where it still is", "[film]") {
  const WrittenFilm file(kColors);
  Film film(file.path());
  CHECK(color_of(film.frame_at(0)) == kColors[0]);
  CHECK(color_of(film.frame_at(0.49)) == kColors[0]);
  CHECK(color_of(film.frame_at(0.5)) == kColors[1]);
  CHECK(color_of(film.frame_at(0.5)) == kColors[1]);
  CHECK(color_of(film.frame_at(1.9)) == kColors[3]);
  CHECK_FALSE(film.frame_at(2));
  CHECK_FALSE(film.frame_at(1e6));
}

TEST_CASE("seconds that fall, or are none, are refused", "[film]") {
  const WrittenFilm file(kColors);
  Film film(file.path());
  CHECK(color_of(film.frame_at(1)) == kColors[2]);
  for (const double seconds : {0.5, -1.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    INFO(seconds);
    CHECK(error_of([&] { film.frame_at(seconds); }).kind() == ErrorKind::invalid_argument);
  }
  Film moved = std::move(film);
  CHECK(color_of(moved.frame_at(1.5)) == kColors[3]);
}

TEST_CASE("a film that is shorter than it says gives its frames and then an error", "[film]") {
  const WrittenFilm file(kColors, 20);
  Film film(file.path());
  CHECK(color_of(film.frame_at(1)) == kColors[2]);
  const Error error = error_of([&] { film.frame_at(9); });
  CHECK(error.kind() == ErrorKind::unreadable_input);
  CHECK(std::string(error.what())
            .starts_with(file.path().string() + ": ends early: after 2 seconds of 10"));
}

TEST_CASE("a time that lies hours ahead is damage, and gives no endless film", "[film]") {
  const testing::Scratch scratch;
  Film film(scratch.write("film.avi", film_of(kColors, 4, 2 * 4000)));
  CHECK(color_of(film.frame_at(3599)) == kColors[0]);
  CHECK(std::string(error_of([&] { film.frame_at(4001); }).what())
            .ends_with("is damaged: a frame would be shown for 4000 seconds"));
}

TEST_CASE("limits of images hold, and what is no film is named", "[film]") {
  const WrittenFilm file(kColors);
  const auto refused = [&](const ReadOptions& options) {
    return std::string(error_of([&] { Film(file.path(), options); }).what());
  };
  CHECK(refused({.max_pixels = 255}).ends_with("has frames of 16 by 16 pixels, limit 255 pixels"));
  CHECK(refused({.max_side = 15}).ends_with("longest side allowed 15"));
  CHECK(error_of([] { Film("none.mp4"); }).kind() == ErrorKind::unreadable_input);
  CHECK(error_of([] { Film("tests"); }).kind() == ErrorKind::unreadable_input);
  CHECK(error_of([] { Film("README.md"); }).kind() == ErrorKind::unreadable_input);
}

}  // namespace
}  // namespace llm2clip
