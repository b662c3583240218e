#include "llm2clip/embeddings_file.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <sstream>

#include "llm2clip/run.h"
#include "store/float16.h"
#include "store/output_path.h"
#include "store/safetensors.h"
#include "support/catch.h"
#include "support/error.h"
#include "support/scratch.h"

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

TEST_CASE("a .npy file comes back with its ids and provenance", "[store][embeddings_file]") {
  const Scratch scratch;
  const EmbeddingsFile content = two_rows();
  for (const auto precision : {StoredPrecision::float32, StoredPrecision::float16}) {
    write_embeddings(scratch / "x.npy", content, precision);
    const EmbeddingsFile read = read_embeddings(scratch / "x.npy");
    CHECK(read.ids == content.ids);
    CHECK(read.provenance == content.provenance);
    REQUIRE(read.embeddings.dim() == 3);
    for (std::size_t i = 0; i < 6; ++i) {
      const float value = content.embeddings.values()[i];
      CHECK(read.embeddings.values()[i] ==
            (precision == StoredPrecision::float32 ? value : from_float16(to_float16(value))));
    }
  }
}

TEST_CASE("ids of a .npy file that has none beside it are the numbers of its rows",
          "[store][embeddings_file]") {
  const Scratch scratch;
  write_embeddings(scratch / "x.npy", two_rows());
  std::filesystem::remove(scratch / "x.npy.ids.jsonl");
  std::filesystem::remove(scratch / "x.npy.json");
  CHECK(read_embeddings(scratch / "x.npy").ids == std::vector<std::string>{"0", "1"});
  CHECK(read_embeddings(scratch / "x.npy").provenance.empty());
}

TEST_CASE("ids beside a .npy file that do not fit are refused", "[store][embeddings_file]") {
  const Scratch scratch;
  write_embeddings(scratch / "x.npy", two_rows());
  const auto message = [&](const std::string& ids) {
    testing::put(scratch / "x.npy.ids.jsonl", ids);
    return std::string(error_of([&] { read_embeddings(scratch / "x.npy"); }).what());
  };
  CHECK(message("{\"id\":\"a\"}\n").ends_with("x.npy.ids.jsonl: 1 ids for 2 rows"));
  for (const char* line : {"a\nb\n", "{}\n{}\n", "{\"id\":1}\n{\"id\":2}\n", "[1]\n[2]\n"}) {
    CHECK(message(line).find("expected a line") != std::string::npos);
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
  CHECK(message(scratch / "x.csv").find(".npy and .safetensors files are read") !=
        std::string::npos);
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

// A .safetensors file of rows without bytes.
void write_empty_rows(const std::filesystem::path& path, const std::string& shape,
                      const std::string& ids) {
  std::string header = "{\"__metadata__\":{\"ids\":\"" + ids +
                       "\"},\"embeddings\":{\"dtype\":\"F32\","
                       "\"shape\":" +
                       shape + ",\"data_offsets\":[0,0]}}";
  const std::uint64_t length = header.size();
  testing::put(path, std::string(reinterpret_cast<const char*>(&length), sizeof length) + header);
}

TEST_CASE("a file of any number of empty rows takes no time", "[store][embeddings_file]") {
  const Scratch scratch;
  const auto path = scratch / "x.safetensors";
  write_empty_rows(path, "[2000000000000000000,0]", "[]");
  CHECK(std::string(error_of([&] { read_embeddings(path); }).what())
            .ends_with("0 ids for 2000000000000000000 rows"));
  for (const std::size_t dim : {std::size_t{7}, std::size_t{9'000'000'000'000'000'000u}}) {
    write_empty_rows(path, "[0," + std::to_string(dim) + "]", "[]");
    CHECK(read_embeddings(path).embeddings.dim() == dim);
  }
  for (const char* shape : {"[]", "[0]", "[0,1,1]", "[-1,0]", "[1.5,0]", "[18446744073709551615,0]",
                            "[18446744073709551616,0]"}) {
    INFO(shape);
    write_empty_rows(path, shape, "[]");
    CHECK(error_of([&] { read_embeddings(path); }).kind() == ErrorKind::bad_model);
  }
}

TEST_CASE("rows without components come back", "[store][embeddings_file]") {
  const Scratch scratch;
  const EmbeddingsFile content{Embeddings(2, 0), {"a", "b"}, {}};
  for (const char* name : {"x.npy", "x.jsonl", "x.csv", "x.safetensors"}) {
    write_embeddings(scratch / name, content);
  }
  CHECK(lines_of(scratch / "x.jsonl")[1] == "{\"id\":\"b\",\"embedding\":[]}");
  CHECK(lines_of(scratch / "x.csv") == std::vector<std::string>{"id", "a", "b"});
  const EmbeddingsFile read = read_embeddings(scratch / "x.safetensors");
  CHECK(read.ids == content.ids);
  CHECK(read.embeddings.rows() == 2);
  CHECK(read.embeddings.dim() == 0);
}

TEST_CASE("embeddings of another type are named even without values", "[store][embeddings_file]") {
  const Scratch scratch;
  write_safetensors(scratch / "x.safetensors", {{"embeddings", {"I64", {0, 3}, {}}}},
                    {{"ids", "[]"}});
  CHECK(std::string(error_of([&] { read_embeddings(scratch / "x.safetensors"); }).what())
            .find("embeddings are I64") != std::string::npos);
}

TEST_CASE("more rows than memory holds are out_of_memory", "[store][embeddings]") {
  const std::size_t half = std::size_t{1} << 32;
  for (const auto& [rows, dim] :
       {std::pair(half, half), std::pair(half * (half / 2), std::size_t{2}),
        std::pair(SIZE_MAX, SIZE_MAX), std::pair(SIZE_MAX, std::size_t{1}),
        std::pair(std::size_t{1}, SIZE_MAX / 4)}) {
    INFO(rows << " rows of " << dim);
    CHECK(error_of([&] { Embeddings(rows, dim); }).kind() == ErrorKind::out_of_memory);
  }
  CHECK(Embeddings(half, 0).rows() == half);
  CHECK(Embeddings(SIZE_MAX, 0).values().empty());
  CHECK(Embeddings(0, SIZE_MAX).values().empty());
}

TEST_CASE("a link to itself is an error of the file system", "[store][embeddings_file]") {
  const Scratch scratch;
  std::filesystem::create_symlink("x.npy", scratch / "x.npy");
  RunOptions options;
  options.dim = 3;
  CHECK(error_of([&] { Run(scratch / "x.npy", options); }).kind() == ErrorKind::io);
  CHECK(error_of([&] { Run::check(scratch / "x.npy", options); }).kind() == ErrorKind::io);
  CHECK(error_of([&] { merge_runs(scratch / "x.npy"); }).kind() == ErrorKind::io);
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
