#include <sys/stat.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>
#include <fstream>

#include "file_bytes.h"
#include "support/error.h"

namespace llm2clip {
namespace {

namespace fs = std::filesystem;
using testing::Bytes;
using testing::operator+;
using testing::bytes_of;
using testing::refusal_of;

class TemporaryFile {
 public:
  explicit TemporaryFile(const Bytes& bytes = {}) {
    std::string name = (fs::temp_directory_path() / "llm2clip-image-XXXXXX").string();
    const int descriptor = mkstemp(name.data());
    REQUIRE(descriptor >= 0);
    close(descriptor);
    path_ = name;
    std::ofstream(path_, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }
  ~TemporaryFile() { fs::remove(path_); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// The message without the path it starts with.
std::string refusal_of_path(const fs::path& path, const ReadOptions& options = {}) {
  const Error error = testing::error_of([&] { read_image(path, options); });
  CHECK(error.kind() == ErrorKind::unreadable_input);
  const std::string message = error.what();
  REQUIRE(message.starts_with(path.string() + ": "));
  return message.substr(path.string().size() + 2);
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Of the processor, so that other processes and tests beside this one change nothing.
double milliseconds_of(const auto& call) {
  const std::clock_t start = std::clock();
  call();
  return 1e3 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

void check_bomb(const Bytes& file) {
  std::string message;
  const double spent = milliseconds_of([&] { message = refusal_of(file); });
  CHECK(contains(message, " pixels, limit 89478485; raise max_pixels if you trust"));
  CHECK(spent < 10);
}

// A JPEG whose scan stands in the file `scans` times.
Bytes many_scans(int scans) {
  const Bytes file = testing::jpeg_file(8, 8, true);
  const Bytes marker = {0xff, 0xda};
  const auto first = std::search(file.begin(), file.end(), marker.begin(), marker.end());
  const auto second = std::search(first + 2, file.end(), marker.begin(), marker.end());
  Bytes bomb(file.begin(), first);
  for (int i = 0; i < scans; ++i) bomb.insert(bomb.end(), first, second);
  return bomb + Bytes{0xff, 0xd9};
}

}  // namespace

TEST_CASE("each format is read by content and not by name", "[image][read_image]") {
  for (const Bytes& file : {testing::jpeg_file(9, 8), testing::png_file(9, 8, 8, 2),
                            testing::webp_file(9, 8), testing::bmp_file(9, 8, Bytes(28 * 8)),
                            testing::tiff_file(9, 8, Bytes(72)), testing::gif_file(9, 8)}) {
    const TemporaryFile temporary(file);
    const Image image = read_image(temporary.path());
    CHECK(image.width == 9);
    CHECK(image.height == 8);
    CHECK(image.mode == ImageMode::rgb);
    CHECK(image.pixels.size() == 9 * 8 * 3);
  }
}

TEST_CASE("keep_mode keeps what the file stores", "[image][read_image]") {
  ReadOptions keep;
  keep.keep_mode = true;
  const auto mode = [&](const Bytes& file) { return decode_image(file, "file", keep).mode; };
  CHECK(mode(testing::jpeg_file(3, 2)) == ImageMode::gray);
  CHECK(mode(testing::png_file(3, 2, 1, 0)) == ImageMode::bilevel);
  CHECK(mode(testing::png_file(3, 2, 4, 0)) == ImageMode::gray);
  CHECK(mode(testing::png_file(3, 2, 16, 0)) == ImageMode::gray16);
  CHECK(mode(testing::png_file(3, 2, 16, 2)) == ImageMode::rgb);
  CHECK(mode(testing::png_file(3, 2, 8, 4)) == ImageMode::gray_alpha);
  CHECK(mode(testing::png_file(3, 2, 16, 4)) == ImageMode::rgba);
  CHECK(mode(testing::gif_file(4, 4)) == ImageMode::palette);
  const Image palette = decode_image(testing::png_file(3, 2, 2, 3), "file", keep);
  CHECK(palette.mode == ImageMode::palette);
  CHECK(palette.palette == Bytes{1, 2, 3, 4, 5, 6});
}

TEST_CASE("a GIF frame is painted on its canvas", "[image][read_image]") {
  ReadOptions keep;
  keep.keep_mode = true;
  const Image image = decode_image(testing::gif_file(5, 6), "file", keep);
  CHECK(image.width == 5);
  CHECK(image.height == 6);
  CHECK(image.pixels[4] == 0);      // right of the frame
  CHECK(image.pixels[5 * 5] == 0);  // below it
  CHECK(image.pixels[0] == 1);
}

TEST_CASE("bombs are refused by their header in 10 ms", "[image][read_image]") {
  check_bomb(testing::png_file(32000, 32000, 1, 0, false));
  check_bomb(testing::png_file(0x7fffffff, 0x7fffffff, 8, 6, false));
  check_bomb(testing::bmp_file(32000, 32000, Bytes(16)));
  check_bomb(testing::bmp_file(0x7fffffff, 0x7fffffff, Bytes(16)));
  check_bomb(testing::tiff_file(32000, 32000, Bytes(16)));
  check_bomb(testing::tiff_file(0xffffffff, 0xffffffff, Bytes(16)));
  check_bomb(testing::gif_file(65535, 65535));
  Bytes jpeg = testing::jpeg_file(8, 8);
  const Bytes frame = {0xff, 0xc0};
  const auto at = std::search(jpeg.begin(), jpeg.end(), frame.begin(), frame.end());
  std::fill(at + 5, at + 9, 0xff);
  check_bomb(jpeg);
  Bytes webp = testing::webp_file(8, 8);
  REQUIRE(webp[15] == 'L');  // lossless: 14 bits of width and of height after the signature byte
  std::fill(webp.begin() + 21, webp.begin() + 25, 0xff);
  check_bomb(webp);
}

TEST_CASE("the message about too many pixels says what to do", "[image][read_image]") {
  CHECK(refusal_of(testing::png_file(32000, 32000, 1, 0, false)) ==
        "file: has 32000x32000 = 1024000000 pixels, limit 89478485; raise max_pixels if "
        "you trust the file");
}

TEST_CASE("max_pixels is the last number that passes", "[image][read_image]") {
  ReadOptions options;
  options.max_pixels = 20;
  CHECK(decode_image(testing::png_file(5, 4, 8, 0), "file", options).width == 5);
  options.max_pixels = 19;
  CHECK(contains(refusal_of(testing::png_file(5, 4, 8, 0), options), "has 5x4 = 20 pixels"));
}

TEST_CASE("max_side is the last side that passes", "[image][read_image]") {
  ReadOptions options;
  options.max_side = 5;
  CHECK(decode_image(testing::png_file(5, 4, 8, 0), "file", options).width == 5);
  options.max_side = 4;
  for (const Bytes& file : {testing::png_file(5, 4, 8, 0), testing::png_file(4, 5, 8, 0)}) {
    CHECK(contains(refusal_of(file, options), "pixels, limit 4 a side; raise max_side"));
  }
}

TEST_CASE("max_scan_pixels is the last number that passes", "[image][read_image]") {
  ReadOptions options;
  options.max_scan_pixels = 64;
  CHECK(decode_image(testing::jpeg_file(8, 8), "file", options).width == 8);
  options.max_scan_pixels = 63;
  CHECK(contains(refusal_of(testing::jpeg_file(8, 8), options), "raise max_scan_pixels"));
}

TEST_CASE("max_file_bytes holds for bytes in memory, too", "[image][read_image]") {
  const Bytes file = testing::png_file(5, 4, 8, 0);
  ReadOptions options;
  options.max_file_bytes = file.size();
  CHECK(decode_image(file, "file", options).width == 5);
  options.max_file_bytes = file.size() - 1;
  CHECK(contains(refusal_of(file, options), "raise max_file_bytes"));
}

TEST_CASE("images without pixels are refused", "[image][read_image]") {
  CHECK(contains(refusal_of(testing::png_file(0, 4, 8, 0)), "0x4"));
  CHECK(contains(refusal_of(testing::bmp_file(4, 0, {})), "4x0"));
  CHECK(contains(refusal_of(testing::tiff_file(0, 0, {})), "0x0"));
}

TEST_CASE("a JPEG of thousands of scans is refused before it is decoded", "[image][read_image]") {
  CHECK(contains(refusal_of(many_scans(101)), "more than 100 scans"));
  const Bytes file = many_scans(80000);
  std::string message;
  CHECK(milliseconds_of([&] { message = refusal_of(file); }) < 100);
  CHECK(contains(message, "more than 100 scans"));
  ReadOptions options;
  options.max_scans = 2;
  CHECK(contains(refusal_of(testing::jpeg_file(8, 8, true), options), "more than 2 scans"));
  CHECK(decode_image(testing::jpeg_file(8, 8), "file", options).width == 8);
}

TEST_CASE("a progressive JPEG that lacks its last scans is refused", "[image][read_image]") {
  CHECK(contains(refusal_of(many_scans(1)), "lacks its last scans"));
}

TEST_CASE("a file that is no image is named", "[image][read_image]") {
  const auto says = [](const Bytes& file, const std::string& part) {
    const std::string message = refusal_of(file);
    INFO(message);
    CHECK(contains(message, part));
    CHECK(contains(message, "JPEG, PNG, WebP, BMP, TIFF or GIF is expected"));
  };
  says({}, "is empty");
  says(bytes_of("version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 1\n"),
       "git lfs pull");
  says(bytes_of("<!DOCTYPE html>\n<html><body>404"), "is an HTML page");
  says(bytes_of("\n  <HTML>"), "is an HTML page");
  says(bytes_of("<?xml version='1.0'?>\n<svg xmlns='x'/>"), "is an SVG drawing");
  says(bytes_of("just words\n"), "is a text file");
  says(bytes_of("%PDF-1.7\n%\xe2\xe3"), "is a PDF file");
  says(bytes_of("PK\x03\x04zip"), "is a ZIP archive");
  says(Bytes(257) + bytes_of("ustar"), "is a TAR archive");
  says(Bytes{0, 0, 0, 28} + bytes_of("ftypavif"), "is an AVIF file");
  says(Bytes{0, 0, 0, 28} + bytes_of("ftypheic"), "is a HEIC file");
  says(bytes_of("RIFF\x10"), "it starts with 52 49 46 46 10");
  says(Bytes(5), "it starts with 00 00 00 00 00");
}

TEST_CASE("what is no readable file is named", "[image][read_image]") {
  const fs::path folder = fs::temp_directory_path();
  CHECK(contains(refusal_of_path(folder), "is a folder"));
  CHECK(contains(refusal_of_path(folder / "llm2clip-not-there"), "No such file"));
  CHECK(contains(refusal_of_path("/dev/zero"), "not a regular file"));
  const TemporaryFile file;
  CHECK(contains(refusal_of_path(file.path()), "is empty"));
  if (geteuid() == 0) {
    WARN("skipped: root may read every file");
    return;
  }
  fs::permissions(file.path(), fs::perms::none);
  CHECK(contains(refusal_of_path(file.path()), "Permission denied"));
}

TEST_CASE("a pipe without a writer does not block", "[image][read_image]") {
  const TemporaryFile file;
  fs::remove(file.path());
  REQUIRE(mkfifo(file.path().c_str(), 0600) == 0);
  CHECK(contains(refusal_of_path(file.path()), "not a regular file"));
}

TEST_CASE("files above the limit are not read", "[image][read_image]") {
  const TemporaryFile file(testing::png_file(5, 4, 8, 0));
  ReadOptions options;
  options.max_file_bytes = 20;
  CHECK(contains(refusal_of_path(file.path(), options), "bytes, limit 20"));
  fs::resize_file(file.path(), std::uintmax_t{1} << 40);  // takes no space on the disk
  CHECK(contains(refusal_of_path(file.path()), "has 1099511627776 bytes"));
}

TEST_CASE("kinds that Pillow does not read are refused by name", "[image][read_image]") {
  CHECK(contains(refusal_of(testing::png_file(4, 4, 3, 0)), "3 bits of color type 0"));
  CHECK(contains(refusal_of(testing::png_file(4, 4, 1, 16)), "color type 16"));
  Bytes jpeg = testing::jpeg_file(8, 8);
  const Bytes frame = {0xff, 0xc0};
  const auto at = static_cast<std::size_t>(
      std::search(jpeg.begin(), jpeg.end(), frame.begin(), frame.end()) - jpeg.begin());
  Bytes lossless = jpeg;
  lossless[at + 1] = 0xc3;
  CHECK(contains(refusal_of(lossless), "lossless or hierarchical"));
  jpeg[at + 4] = 12;
  CHECK(contains(refusal_of(jpeg), "samples of 12 bits"));
}

TEST_CASE("a bad image leaves no trace in the next one", "[image][read_image]") {
  const Bytes good = testing::png_file(9, 8, 8, 2);
  const Image before = decode_image(good, "file");
  Bytes bad = good;
  bad[bad.size() / 2] ^= 0x55;
  refusal_of(bad);
  CHECK(decode_image(good, "file").pixels == before.pixels);
}

TEST_CASE("no mutant of a file does more than be refused", "[image][read_image]") {
  std::uint32_t state = 7;
  const auto random = [&](std::size_t below) {
    state = state * 1664525u + 1013904223u;
    return static_cast<std::size_t>(state >> 8) % below;
  };
  ReadOptions options;
  options.max_pixels = 1 << 16;
  options.keep_mode = true;
  const std::vector<Bytes> files = {testing::png_file(9, 8, 8, 3), testing::webp_file(9, 8),
                                    testing::bmp_file(9, 8, Bytes(28 * 8)),
                                    testing::tiff_file(9, 8, Bytes(72)), testing::gif_file(9, 8)};
  for (int round = 0; round < 4000; ++round) {
    Bytes mutant = files[random(files.size())];
    for (std::size_t i = random(4) + 1; i > 0; --i) {
      mutant[random(mutant.size())] = static_cast<std::uint8_t>(random(256));
    }
    try {
      const Image image = decode_image(mutant, "file", options);
      CHECK(image.pixels.size() == static_cast<std::size_t>(image.width) *
                                       static_cast<std::size_t>(image.height) *
                                       bytes_per_pixel(image.mode));
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::unreadable_input);
    }
  }
}

}  // namespace llm2clip
