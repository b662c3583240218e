#include "model/manifest.h"

#include <fstream>

#include "model/precisions.h"
#include "support/catch.h"
#include "support/error.h"
#include "support/tiny_model.h"

using namespace llm2clip;
using namespace llm2clip::testing;
using Catch::Matchers::Contains;
using nlohmann::json;

namespace {

// What reading the tiny model's manifest says after `edit`.
std::string refusal_after(const std::function<void(json&)>& edit) {
  const Scratch folder;
  write_tiny_model(folder.path());
  edit_manifest(folder.path(), edit);
  const Error error = error_of([&] { Manifest::read(folder.path()); });
  CHECK(error.kind() == ErrorKind::bad_model);
  CHECK(std::string(error.what()).find('\n') == std::string::npos);
  return error.what();
}

}  // namespace

TEST_CASE("a manifest is read into ModelInfo", "[manifest]") {
  const Scratch folder;
  write_tiny_model(folder.path());
  const ModelInfo info = Manifest::read(folder.path()).info();
  CHECK(info.name == "tiny");
  CHECK(info.dim == kTinyDim);
  CHECK(info.score_scale == 100);
  REQUIRE(info.vision);
  CHECK(info.vision->file == "vision.pt");
  CHECK(info.vision->precision == "float32");
  CHECK(info.vision->repository == "tests/tiny");
  CHECK(info.vision->bytes == std::filesystem::file_size(folder.path() / "vision.pt"));
  CHECK(info.preprocess.image_size == kTinyImageSize);
  CHECK(info.preprocess.std == std::array<float, 3>{0.25f, 0.25f, 0.25f});
  CHECK(info.text_width == kTinyTextWidth);
  CHECK(info.tokenizer.max_tokens == 512);
  CHECK(info.tokenizer.prompt.suffix == "<|eot_id|>");
  CHECK(info.manifest_sha256.size() == 64);
}

TEST_CASE("a manifest of format 1, which has another word for the dim, is read", "[manifest]") {
  const Scratch folder;
  write_tiny_model(folder.path());
  edit_manifest(folder.path(), [](json& m) {
    m["format"] = 1;
    m["embedding_size"] = m["embedding_dim"];
    m.erase("embedding_dim");
  });
  CHECK(Manifest::read(folder.path()).info().dim == kTinyDim);
  CHECK_THAT(refusal_after([](json& m) { m["format"] = 1; }), Contains("embedding_size"));
}

TEST_CASE("a directory that is no model directory is named for what it is", "[manifest]") {
  const Scratch folder;
  const auto refusal = [&](const std::filesystem::path& path) {
    return std::string(error_of([&] { Manifest::read(path); }).what());
  };
  CHECK_THAT(refusal(folder.path() / "absent"), Contains("no such model directory"));
  CHECK_THAT(refusal(folder.path()), Contains("has no llm2clip.json"));
  std::ofstream(folder.path() / "config.json") << "{}";
  CHECK_THAT(refusal(folder.path()), Contains("run llm2clip-export"));
  CHECK_THAT(refusal(folder.path() / "config.json"), Contains("got a file"));
  std::ofstream(folder.path() / "llm2clip.json") << "<!DOCTYPE html>";
  CHECK_THAT(refusal(folder.path()), Contains("is not JSON"));
  std::ofstream(folder.path() / "llm2clip.json") << std::string(2 << 20, ' ');
  CHECK_THAT(refusal(folder.path()), Contains("1 MiB"));
}

TEST_CASE("a newer format is refused with what to do", "[manifest]") {
  CHECK_THAT(refusal_after([](json& m) { m["format"] = 4; }), Contains("use a newer llm2clip"));
  CHECK_THAT(refusal_after([](json& m) { m["format"] = "1"; }), Contains("format"));
}

TEST_CASE("missing, unknown and ill-typed keys are named with their path", "[manifest]") {
  CHECK_THAT(refusal_after([](json& m) { m["vision"].erase("image_size"); }),
             Contains("vision.image_size: is missing"));
  CHECK_THAT(refusal_after([](json& m) { m["vision"]["color"] = 1; }),
             Contains("vision.color: is not a key"));
  CHECK_THAT(refusal_after([](json& m) { m["vision"]["image_size"] = -1; }),
             Contains("vision.image_size: expected an integer"));
  CHECK_THAT(refusal_after([](json& m) { m["vision"]["std"] = {0, 1, 1}; }),
             Contains("vision.std"));
  CHECK_THAT(refusal_after([](json& m) { m["vision"]["resize_passes"] = "pillow-9"; }),
             Contains("vision.resize_passes: expected one of pillow-11, pillow-12.2, pillow-13"));
  CHECK_THAT(refusal_after([](json& m) { m["vision"]["order"] = "opencv"; }),
             Contains("vision.order: expected one of hf, torchvision"));
  CHECK_THAT(refusal_after([](json& m) { m["text"]["tokenizer"]["kind"] = "word"; }),
             Contains("text.tokenizer.kind"));
  CHECK_THAT(refusal_after([](json& m) { m["files"]["vision.pt"]["sha256"] = "00"; }),
             Contains("files.vision.pt.sha256"));
  CHECK_THAT(refusal_after([](json& m) { m["files"].erase("text.pt"); }),
             Contains("files.text.pt: is missing"));
  CHECK_THAT(refusal_after([](json& m) { m.erase("vision"), m.erase("text"), m.erase("adapter"); }),
             Contains("no part is named"));
}

TEST_CASE("extra may hold anything", "[manifest]") {
  const Scratch folder;
  write_tiny_model(folder.path());
  edit_manifest(folder.path(), [](json& m) { m["extra"] = {{"anything", {1, 2, 3}}}; });
  CHECK(Manifest::read(folder.path()).info().name == "tiny");
}

TEST_CASE("a manifest cannot point out of its directory", "[manifest]") {
  for (const char* name : {"../vision.pt", "/etc/passwd", "golden/../x", "a/b", "..", ""}) {
    CHECK_THAT(refusal_after([&](json& m) {
                 m["files"][name] = {{"bytes", 1}, {"sha256", std::string(64, '0')}};
               }),
               Contains("plain file name"));
  }
}

TEST_CASE("an adapter of another width than the text tower names both files and widths",
          "[manifest]") {
  CHECK_THAT(refusal_after([](json& m) { m["adapter"]["width"] = 4096; }),
             Contains("adapter.pt takes captions of 4096") && Contains("text.pt gives 64"));
}

TEST_CASE("a file of another size or content is refused before it is used", "[manifest]") {
  const Scratch folder;
  write_tiny_model(folder.path());
  const Manifest manifest = Manifest::read(folder.path());
  CHECK(manifest.checked_file("text.pt", false).path == folder.path() / "text.pt");

  std::fstream(folder.path() / "text.pt", std::ios::in | std::ios::out) << "damage";
  CHECK_THAT(error_of([&] { manifest.checked_file("text.pt", false); }).what(),
             Contains("SHA-256 is"));
  std::filesystem::resize_file(folder.path() / "text.pt", 10);
  CHECK_THAT(error_of([&] { manifest.checked_file("text.pt", false); }).what(),
             Contains("has 10 bytes"));
  std::filesystem::remove(folder.path() / "text.pt");
  CHECK_THAT(error_of([&] { manifest.check_all_files(); }).what(), Contains("text.pt: is missing"));
}

namespace {

// Makes the tiny model's text part one of int8, as far as the manifest says.
void quantize(json& m) {
  m["format"] = 3;
  m["text"]["precision"] = "int8";
  m["text"]["quantized"] = {
      {"size", 0.6},
      {"kept", "bfloat16"},
      {"kept_bytes", 200},
      {"least_cosine", 0.99},
      {"median_cosine", 0.9998},
      {"matrices",
       {{{"name", "layers.0.attention.query"}, {"bits", 8}, {"group", 64}, {"loss", 1e-6}},
        {{"name", "layers.0.mlp.down"}, {"bits", 16}, {"loss", 2e-3}}}}};
}

}  // namespace

TEST_CASE("a part in int8 says what became of each matrix", "[manifest]") {
  const Scratch folder;
  write_tiny_model(folder.path());
  edit_manifest(folder.path(), quantize);
  const ModelInfo info = Manifest::read(folder.path()).info();
  REQUIRE(info.text->quantized);
  const QuantizedInfo& quantized = *info.text->quantized;
  CHECK(info.text->precision == "int8");
  CHECK(quantized.kept == "bfloat16");
  CHECK(quantized.median_cosine == 0.9998);
  REQUIRE(quantized.matrices.size() == 2);
  CHECK(quantized.matrices[0].name == "layers.0.attention.query");
  CHECK(quantized.matrices[0].group == 64);
  CHECK(quantized.matrices[1].bits == 16);
  CHECK(quantized.matrices[1].group == 0);
  CHECK(json::parse(to_json(info))["text"]["quantized"]["matrices"][1]["loss"] == 2e-3);
}

TEST_CASE("a part in int8 computes in what it keeps, and copies that alone", "[manifest]") {
  const Scratch folder;
  write_tiny_model(folder.path());
  edit_manifest(folder.path(), quantize);
  const PartInfo part = *Manifest::read(folder.path()).info().text;
  CHECK(parameter_precision(part) == "bfloat16");
  CHECK(weight_bytes(part, "bfloat16") == part.bytes);
  CHECK(weight_bytes(part, "float32") == part.bytes + 200);
  CHECK(copied_bytes(part, "bfloat16") == 0);
  CHECK(copied_bytes(part, "float32") == 400);
}

TEST_CASE("what a manifest says of int8 and int4 is checked", "[manifest]") {
  const auto refusal = [](const std::function<void(json&)>& edit) {
    return refusal_after([&](json& m) {
      quantize(m);
      edit(m["text"]["quantized"]);
    });
  };
  CHECK_THAT(refusal([](json& q) { q["kept"] = "int8"; }), Contains("text.quantized.kept"));
  CHECK_THAT(refusal([](json& q) { q["matrices"] = 3; }), Contains("expected a list"));
  CHECK_THAT(refusal([](json& q) { q["matrices"][1]["bits"] = 2; }),
             Contains("text.quantized.matrices[1].bits"));
  CHECK_THAT(refusal([](json& q) { q["matrices"][0]["sign"] = 1; }), Contains("matrices[0].sign"));
  CHECK_THAT(refusal([](json& q) { q["kept_bytes"] = 1'000'000'000; }), Contains("kept_bytes"));
  CHECK_THAT(refusal_after([](json& m) { m["text"]["precision"] = "int4"; }),
             Contains("quantized"));
}
