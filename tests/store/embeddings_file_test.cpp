#include "llm2clip/embeddings_file.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <sstream>

#include "store/float16.h"
#include "store/safetensors.h"
#include "store/scratch.h"
#include "support/catch.h"
#include "support/error.h"

namespace llm2clip {
namespace {

using nlohmann::json;
using testing::content_of;
using testing::error_of;
using testing::Scratch;

EmbeddingsFile two_rows() {
  EmbeddingsFile content{Embeddings(2, 3), {"a \"b\", c.jpg", "caf\xe9"}, {{"model", "示意"}}};
  const std::array<float, 6> values = {0.1f, -2.5f, 3e-10f, 1.0f / 3, 1e20f, 0};
  std::copy_n(values.begin(), 3, content.embeddings[0].begin());
  std::copy_n(values.begin() + 3, 3, content.embeddings[1].begin());
  return content;
}

std::vector<std::string> lines_of(const std::filesystem::path& path) {
  std::istringstream stream(content_of(path));
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

TEST_CASE(".npy comes with ids and provenance beside it", "[store][embeddings_file]") {
  const Scratch scratch;
  const EmbeddingsFile content = two_rows();
  write_embeddings(scratch / "x.npy", content);
  CHECK(scratch.files() == 3);

  const std::string file = content_of(scratch / "x.npy");
  REQUIRE(file.size() == 256 + 6 * sizeof(float));
  CHECK(std::memcmp(file.data() + 256, content.embeddings.values().data(), 24) == 0);
  const auto ids = lines_of(scratch / "x.npy.ids.jsonl");
  REQUIRE(ids.size() == 2);
  CHECK(json::parse(ids[0]) == json{{"id", "a \"b\", c.jpg"}});
  CHECK(json::parse(ids[1]) == json{{"id_base64", "Y2Fm6Q=="}});
  CHECK(json::parse(content_of(scratch / "x.npy.json")) ==
        json{{"rows", 2}, {"dim", 3}, {"precision", "float32"}, {"model", "示意"}});
}

TEST_CASE(".npy of float16 holds halves", "[store][embeddings_file]") {
  const Scratch scratch;
  write_embeddings(scratch / "x.npy", two_rows(), StoredPrecision::float16);
  const std::string file = content_of(scratch / "x.npy");
  CHECK(file.find("'<f2'") != std::string::npos);
  CHECK(file.size() == 256 + 6 * 2);
}

TEST_CASE(".safetensors holds rows, ids and provenance", "[store][embeddings_file]") {
  const Scratch scratch;
  const EmbeddingsFile content = two_rows();
  write_embeddings(scratch / "x.safetensors", content);
  const auto file = SafetensorsFile::open(scratch / "x.safetensors");
  const auto values = file.float32_values("embeddings");
  CHECK(std::equal(values.begin(), values.end(), content.embeddings.values().begin()));
  CHECK(file.at("embeddings").shape == std::vector<std::size_t>{2, 3});
  CHECK(file.metadata().at("model") == "示意");
  CHECK(json::parse(file.metadata().at("ids")).size() == 2);

  write_embeddings(scratch / "y.safetensors", content, StoredPrecision::float16);
  CHECK(SafetensorsFile::open(scratch / "y.safetensors").at("embeddings").dtype == "F16");
}

TEST_CASE("a .safetensors file is read back", "[store][embeddings_file]") {
  const Scratch scratch;
  EmbeddingsFile content = two_rows();
  content.ids[1] = "not UTF-8: \xff\xfe";
  write_embeddings(scratch / "x.safetensors", content);
  const EmbeddingsFile read = read_embeddings(scratch / "x.safetensors");
  CHECK(read.ids == content.ids);
  CHECK(read.embeddings.dim() == 3);
  CHECK(std::ranges::equal(read.embeddings.values(), content.embeddings.values()));
  CHECK(std::ranges::count(read.provenance, std::pair<std::string, std::string>("model", "示意")) ==
        1);

  write_embeddings(scratch / "y.safetensors", content, StoredPrecision::float16);
  const EmbeddingsFile halves = read_embeddings(scratch / "y.safetensors");
  for (std::size_t i = 0; i < 6; ++i) {
    CHECK(halves.embeddings.values()[i] ==
          from_float16(to_float16(content.embeddings.values()[i])));
  }
}

TEST_CASE("a file that holds no embeddings is refused by name", "[store][embeddings_file]") {
  const Scratch scratch;
  const auto message = [](const std::filesystem::path& path) {
    try {
      read_embeddings(path);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(message(scratch / "x.npy").find("only .safetensors files are read") != std::string::npos);
  CHECK(message(scratch / "x.safetensors").find("x.safetensors") != std::string::npos);
  const float row[] = {1, 2};
  const SafetensorsTensor tensor{"F32", {1, 2}, std::as_bytes(std::span(row))};
  write_safetensors(scratch / "x.safetensors", {{"embeddings", tensor}});
  CHECK(message(scratch / "x.safetensors").find("expected rows with ids") != std::string::npos);
  write_safetensors(scratch / "x.safetensors", {{"embeddings", tensor}}, {{"ids", "[]"}});
  CHECK(message(scratch / "x.safetensors").find("0 ids for 1 rows") != std::string::npos);
  write_safetensors(scratch / "x.safetensors", {{"embeddings", tensor}}, {{"ids", "{"}});
  CHECK(message(scratch / "x.safetensors").find("expected a list of strings") != std::string::npos);
}

TEST_CASE(".jsonl gives every float32 back", "[store][embeddings_file]") {
  const Scratch scratch;
  const EmbeddingsFile content = two_rows();
  write_embeddings(scratch / "x.jsonl", content);
  const auto lines = lines_of(scratch / "x.jsonl");
  REQUIRE(lines.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    const auto values = json::parse(lines[i]).at("embedding").get<std::vector<float>>();
    CHECK(std::equal(values.begin(), values.end(), content.embeddings[i].begin()));
  }
}

TEST_CASE(".csv quotes as RFC 4180 says", "[store][embeddings_file]") {
  const Scratch scratch;
  write_embeddings(scratch / "x.csv", two_rows());
  CHECK(lines_of(scratch / "x.csv") ==
        std::vector<std::string>{"id,e0,e1,e2", "\"a \"\"b\"\", c.jpg\",0.1,-2.5,3e-10",
                                 "caf\xe9,0.33333334,1e+20,0"});
}

TEST_CASE("no rows make an empty file of every kind", "[store][embeddings_file]") {
  const Scratch scratch;
  for (const char* name : {"x.npy", "x.safetensors", "x.jsonl", "x.csv"}) {
    write_embeddings(scratch / name, EmbeddingsFile{Embeddings(0, 3), {}, {}});
    CHECK(std::filesystem::exists(scratch / name));
  }
}

TEST_CASE("what cannot be written is refused and leaves nothing", "[store][embeddings_file]") {
  const Scratch scratch;
  EmbeddingsFile content = two_rows();
  const auto kind_of = [&](const char* name) {
    return error_of([&] { write_embeddings(scratch / name, content); }).kind();
  };
  CHECK(kind_of("x.txt") == ErrorKind::invalid_argument);
  CHECK(kind_of("no/x.npy") == ErrorKind::io);
  content.provenance = {{"model", "\xff"}};
  CHECK(kind_of("x.npy") == ErrorKind::invalid_argument);
  content = two_rows();
  content.embeddings[1][1] = NAN;
  CHECK(kind_of("x.jsonl") == ErrorKind::invalid_argument);
  CHECK(kind_of("x.csv") == ErrorKind::invalid_argument);
  content.ids.pop_back();
  CHECK(kind_of("x.npy") == ErrorKind::invalid_argument);
  CHECK(scratch.files() == 0);
}

TEST_CASE("check_embeddings_path tells beforehand", "[store][embeddings_file]") {
  const Scratch scratch;
  CHECK_NOTHROW(check_embeddings_path(scratch / "x.npy"));
  CHECK_NOTHROW(check_embeddings_path("x.npy"));
  const auto kind_of = [&](const std::filesystem::path& path) {
    return error_of([&] { check_embeddings_path(path); }).kind();
  };
  CHECK(kind_of(scratch / "x") == ErrorKind::invalid_argument);
  CHECK(kind_of(scratch / "no/x.npy") == ErrorKind::io);
  CHECK(kind_of(scratch / (std::string(300, 'x') + ".npy")) == ErrorKind::io);
  std::filesystem::create_directory(scratch / "folder.npy");
  CHECK(kind_of(scratch / "folder.npy") == ErrorKind::io);
}

}  // namespace
}  // namespace llm2clip
