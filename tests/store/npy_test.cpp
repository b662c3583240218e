#include "store/npy.h"

#include <array>

#include "llm2clip/embeddings_file.h"
#include "store/scratch.h"
#include "support/catch.h"
#include "support/error.h"

namespace llm2clip {
namespace {

using testing::content_of;
using testing::Scratch;

TEST_CASE("the header of a .npy file is a multiple of 64 and ends in a line feed", "[store][npy]") {
  const std::size_t shape[] = {3, 2};
  const std::string header = npy_header("<f4", shape);
  CHECK(header.size() == kNpyHeaderBytes);
  CHECK(kNpyHeaderBytes % 64 == 0);
  CHECK(header.substr(0, 8) == std::string("\x93NUMPY\x01\x00", 8));
  CHECK(header[8] == static_cast<char>(kNpyHeaderBytes - 10));
  CHECK(header.find("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }") == 10);
  CHECK(header.back() == '\n');
  CHECK(npy_header("<f2", std::array<std::size_t, 1>{5}).find("(5,)") != std::string::npos);
}

TEST_CASE("NpyWriter counts its rows into the header", "[store][npy]") {
  const Scratch scratch;
  NpyWriter writer(scratch / "x.npy", std::array<std::size_t, 2>{1, 2});
  writer.append(std::array{1.0f, 2.0f});
  writer.append(std::array{3.0f, 4.0f});
  CHECK_FALSE(std::filesystem::exists(scratch / "x.npy"));
  writer.finish();
  const std::string content = content_of(scratch / "x.npy");
  CHECK(content.size() == kNpyHeaderBytes + 4 * sizeof(float));
  CHECK(content.find("'shape': (2, 1, 2)") != std::string::npos);
}

TEST_CASE("NpyWriter refuses a row of another size and leaves nothing", "[store][npy]") {
  const Scratch scratch;
  {
    NpyWriter writer(scratch / "x.npy", std::array<std::size_t, 1>{2});
    CHECK(testing::error_of([&] { writer.append(std::array{1.0f}); }).kind() ==
          ErrorKind::invalid_argument);
  }
  CHECK(scratch.files() == 0);
}

}  // namespace
}  // namespace llm2clip
