#include "store/npy.h"

#include <array>
#include <cstdint>
#include <vector>

#include "llm2clip/embeddings_file.h"
#include "support/catch.h"
#include "support/error.h"
#include "support/scratch.h"

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

TEST_CASE("NpyWriter refuses shapes that no file can have", "[store][npy]") {
  const Scratch scratch;
  const auto kind = [&](const std::vector<std::size_t>& shape) {
    return testing::error_of([&] { NpyWriter(scratch / "x.npy", shape); }).kind();
  };
  CHECK(kind(std::vector<std::size_t>(8, 1)) == ErrorKind::invalid_argument);
  CHECK(kind({SIZE_MAX, 2}) == ErrorKind::invalid_argument);
  CHECK(kind({std::size_t{1} << 62}) == ErrorKind::invalid_argument);
  CHECK(scratch.files() == 0);
  NpyWriter seven(scratch / "x.npy", std::vector<std::size_t>(7, 1));
  seven.append(std::array{1.0f});
  seven.finish();
}

TEST_CASE("NpyWriter writes rows without values, and none", "[store][npy]") {
  const Scratch scratch;
  NpyWriter writer(scratch / "x.npy", std::array<std::size_t, 2>{0, 3});
  writer.append({});
  writer.finish();
  CHECK(content_of(scratch / "x.npy").find("'shape': (1, 0, 3)") != std::string::npos);
  NpyWriter none(scratch / "y.npy", std::array<std::size_t, 1>{3});
  none.finish();
  CHECK(content_of(scratch / "y.npy").find("'shape': (0, 3)") != std::string::npos);
  CHECK(testing::error_of([&] { none.finish(); }).kind() == ErrorKind::invalid_argument);
}

// A file as NumPy writes it, with any text for its dictionary.
std::string npy_file(const std::string& dictionary, std::size_t bytes, char version = 1) {
  std::string length(version == 1 ? 2 : 4, '\0');
  length[0] = static_cast<char>(dictionary.size());
  return std::string("\x93NUMPY", 6) + std::string{version, '\0'} + length + dictionary +
         std::string(bytes, '\0');
}

TEST_CASE("rows of a .npy file are read whoever wrote it", "[store][npy]") {
  const Scratch scratch;
  const auto path = scratch / "x.npy";
  for (const char version : {'\1', '\2', '\3'}) {
    for (const char* dictionary :
         {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }          \n",
          "{'shape':(2,3),'fortran_order':False,'descr':'<f4'}\n"}) {
      testing::put(path, npy_file(dictionary, 24, version));
      CHECK(NpyRows(path).rows() == 2);
      CHECK(NpyRows(path).dim() == 3);
    }
  }
  testing::put(path, npy_file("{'descr': '<f2', 'fortran_order': False, 'shape': (4, 3)}", 24));
  CHECK(NpyRows(path).rows() == 4);
}

TEST_CASE("rows of a .npy file come a few at a time", "[store][npy]") {
  const Scratch scratch;
  const auto path = scratch / "x.npy";
  const std::string head = npy_file("{'descr': '<f2', 'fortran_order': False, 'shape': (3, 2)}", 0);
  testing::put(path, head + std::string("\x00\x3c\x00\x40\x00\x42\x00\x44\x00\x45\x00\x46", 12));
  NpyRows file(path);
  std::vector<float> values(2);
  file.read(values);
  CHECK(values == std::vector<float>{1, 2});
  values.resize(4);
  file.read(values);
  CHECK(values == std::vector<float>{3, 4, 5, 6});
  CHECK(testing::error_of([&] { file.read(values); }).kind() == ErrorKind::bad_model);
}

TEST_CASE("a .npy file that holds no rows is refused", "[store][npy]") {
  const Scratch scratch;
  const auto path = scratch / "x.npy";
  const auto message = [&](const std::string& content) {
    testing::put(path, content);
    const Error error = testing::error_of([&] { NpyRows{path}; });
    CHECK(error.kind() == ErrorKind::bad_model);
    return std::string(error.what());
  };
  const std::string plain = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}";
  CHECK(message("").find("ends within its head") != std::string::npos);
  CHECK(message("\x93NUMPZ\x01 and more").ends_with("is no .npy file"));
  CHECK(message(npy_file(plain, 24).substr(0, 30)).find("its head") != std::string::npos);
  CHECK(
      message(npy_file(plain, 23))
          .ends_with(
              "has 23 bytes behind its head, 2 rows of 3 components are announced; it is damaged"));
  CHECK(message(npy_file("{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3)}", 48))
            .ends_with("holds '<f8', float32 or float16 ('<f4', '<f2') is expected"));
  CHECK(message(npy_file("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3)}", 24))
            .find("order of Fortran") != std::string::npos);
  for (const char* shape : {"()", "(6,)", "(2, 3, 1)", "(2, -3)", "(2, x)", "2, 3", ""}) {
    INFO(shape);
    CHECK(message(npy_file("{'descr': '<f4', 'fortran_order': False, 'shape': " +
                               std::string(shape) + "}",
                           24))
              .find("another shape") != std::string::npos);
  }
  for (const char* shape : {"(9000000000000000000, 3)", "(9000000000000000000, 0)", "(2, 4)"}) {
    INFO(shape);
    message(npy_file(
        "{'descr': '<f4', 'fortran_order': False, 'shape': " + std::string(shape) + "}", 24));
  }
}

}  // namespace
}  // namespace llm2clip
