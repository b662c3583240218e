#include "store/safetensors.h"

#include <array>
#include <cstring>
#include <limits>

#include "support/catch.h"
#include "support/error.h"
#include "support/scratch.h"

namespace llm2clip {
namespace {

using testing::content_of;
using testing::error_of;
using testing::put;
using testing::Scratch;

// A file of `header`, padded as it stands, and `data_bytes` bytes of zeros.
std::string file_of(const std::string& header, std::size_t data_bytes = 0) {
  const std::uint64_t length = header.size();
  std::string content(sizeof length, '\0');
  std::memcpy(content.data(), &length, sizeof length);
  return content + header + std::string(data_bytes, '\0');
}

// What open() says about a file of these bytes.
std::string refusal(const std::string& content) {
  const Scratch scratch;
  put(scratch / "x.safetensors", content);
  const Error error = error_of([&] { SafetensorsFile::open(scratch / "x.safetensors"); });
  CHECK(error.kind() == ErrorKind::bad_model);
  const std::string words = error.what();
  const std::string name = (scratch / "x.safetensors").string() + ": ";
  REQUIRE(words.substr(0, name.size()) == name);
  return words.substr(name.size());
}

std::string one_tensor(const std::string& dtype, const std::string& shape,
                       const std::string& offsets) {
  return R"({"a":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets +
         "}}";
}

TEST_CASE("what write_safetensors writes is what open reads", "[store][safetensors]") {
  const Scratch scratch;
  const std::array<float, 6> floats = {1, 2, 3, 4, 5, -0.0f};
  const std::array<std::int64_t, 2> integers = {-1, 1ll << 40};
  write_safetensors(scratch / "x.safetensors",
                    {{"floats", {"F32", {2, 3}, std::as_bytes(std::span(floats))}},
                     {"integers", {"I64", {2}, std::as_bytes(std::span(integers))}},
                     {"nothing", {"F16", {0, 7}, {}}}},
                    {{"name", "示意图"}});

  const auto file = SafetensorsFile::open(scratch / "x.safetensors");
  CHECK(file.tensors().size() == 3);
  CHECK(file.at("floats").shape == std::vector<std::size_t>{2, 3});
  CHECK(file.float32_values("floats") == std::vector<float>(floats.begin(), floats.end()));
  CHECK(file.int64_values("integers") == std::vector<std::int64_t>{-1, 1ll << 40});
  CHECK(file.at("nothing").bytes.empty());
  CHECK(file.metadata().at("name") == "示意图");
  CHECK(file.find("other") == nullptr);
}

TEST_CASE("a missing tensor and a tensor of another type are named", "[store][safetensors]") {
  const Scratch scratch;
  const std::array<float, 1> value = {1};
  write_safetensors(scratch / "x", {{"a", {"F32", {}, std::as_bytes(std::span(value))}}});
  const auto file = SafetensorsFile::open(scratch / "x");
  CHECK(std::string(error_of([&] { file.at("b"); }).what()).ends_with("no tensor 'b'"));
  CHECK(std::string(error_of([&] { file.int64_values("a"); }).what())
            .ends_with("tensor 'a' is F32, I64 is expected"));
}

TEST_CASE("a tensor whose bytes do not fit its shape is not written", "[store][safetensors]") {
  const Scratch scratch;
  const std::array<float, 3> values = {1, 2, 3};
  const Error error = error_of([&] {
    write_safetensors(scratch / "x", {{"a", {"F32", {2}, std::as_bytes(std::span(values))}}});
  });
  CHECK(error.kind() == ErrorKind::invalid_argument);
  CHECK(error_of([&] { write_safetensors(scratch / "x", {}, {{"k", "\xff"}}); }).kind() ==
        ErrorKind::invalid_argument);
  CHECK(scratch.files() == 0);
}

TEST_CASE("a damaged file is refused with its reason", "[store][safetensors]") {
  CHECK(refusal("") == "too short for a safetensors file");
  CHECK(refusal("version https://git-lfs.github.com/spec/v1\noid ...").starts_with("a Git LFS"));
  CHECK(refusal("<html> not a model, a page").starts_with("not a safetensors file: its header"));
  CHECK(refusal(file_of("{}").substr(0, 9)) == "header ends after the file; partial download?");
  CHECK(refusal(file_of("{")) == "header is not valid JSON");
  CHECK(refusal(file_of("[]")) == "header is not a JSON object");
  CHECK(refusal(file_of(std::string(100'000, '['))) == "header is nested too deeply");
  CHECK(refusal(file_of(R"({"a":1})")) == "tensor 'a': not described by an object");
  CHECK(refusal(file_of(R"({"__metadata__":{"a":1}})")) == "__metadata__ 'a' is not a string");
  CHECK(refusal(file_of("{}", 1)) == "bytes are left after the last tensor");
}

TEST_CASE("a tensor that lies about itself is refused", "[store][safetensors]") {
  const auto said = [](const std::string& dtype, const std::string& shape,
                       const std::string& offsets) {
    return refusal(file_of(one_tensor(dtype, shape, offsets), 8));
  };
  const std::string size_error = "tensor 'a': a size is not a whole number";
  const std::string shape_error = "tensor 'a': shape and dtype do not give the 8 bytes it has";
  CHECK(said("F33", "[2]", "[0,8]") == "tensor 'a': unknown dtype");
  CHECK(said("F32", "[3]", "[0,8]") == shape_error);
  CHECK(said("F32", "[-2]", "[0,8]") == size_error);
  CHECK(said("F32", "[2.0]", "[0,8]") == size_error);
  CHECK(said("F32", "[1e30]", "[0,8]") == size_error);
  CHECK(said("F32", "[18446744073709551616]", "[0,8]") == size_error);
  CHECK(said("F32", "[4611686018427387906]", "[0,8]") == shape_error);  // 2^62 + 2: wraps to 8
  CHECK(said("F32", "[4294967296,4294967296,2]", "[0,8]") == shape_error);
  CHECK(said("F32", "[1,1,1,1,1,1,1,1,2]", "[0,8]") == "tensor 'a': shape is not a short list");
  CHECK(said("F32", "[2]", "[8,0]").starts_with("tensor 'a': lies outside the file"));
  CHECK(said("F32", "[4]", "[0,16]").starts_with("tensor 'a': lies outside the file"));
  CHECK(said("F32", "[2]", "[0]") == "tensor 'a': no data_offsets");
}

TEST_CASE("names that come twice, overlaps and gaps are refused", "[store][safetensors]") {
  const auto two = [](const std::string& second, const std::string& offsets) {
    return R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},")" + second +
           R"(":{"dtype":"U8","shape":[4],"data_offsets":)" + offsets + "}}";
  };
  CHECK(refusal(file_of(two("a", "[4,8]"), 8)) == "header names 'a' twice");
  CHECK(refusal(file_of(two("b", "[2,6]"), 6)) == "tensors overlap or leave bytes between them");
  CHECK(refusal(file_of(two("b", "[5,9]"), 9)) == "tensors overlap or leave bytes between them");
}

TEST_CASE("every prefix of a file is refused", "[store][safetensors]") {
  const Scratch scratch;
  const std::array<float, 4> values = {1, 2, 3, 4};
  write_safetensors(scratch / "x", {{"a", {"F32", {4}, std::as_bytes(std::span(values))}}},
                    {{"k", "v"}});
  const std::string whole = content_of(scratch / "x");
  for (std::size_t length = 0; length < whole.size(); ++length) {
    INFO("length " << length);
    put(scratch / "x", whole.substr(0, length));
    CHECK(error_of([&] { SafetensorsFile::open(scratch / "x"); }).kind() == ErrorKind::bad_model);
  }
}

TEST_CASE("a missing file and a folder are refused", "[store][safetensors]") {
  const Scratch scratch;
  CHECK(std::string(error_of([&] { SafetensorsFile::open(scratch / "no"); }).what())
            .ends_with("no such file"));
  CHECK(std::string(error_of([&] { SafetensorsFile::open(scratch.path()); }).what())
            .ends_with("not a regular file"));
}

}  // namespace
}  // namespace llm2clip
