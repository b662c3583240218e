#include "encoder/torch_module.h"

#include <ATen/ops/ones.h>

#include <filesystem>
#include <fstream>

#include "support/catch.h"
#include "support/error.h"
#include "support/tiny_model.h"

using namespace llm2clip;
using namespace llm2clip::testing;
using Catch::Matchers::Contains;

namespace {

std::vector<float> vision_forward(const TorchModule& module) {
  const at::Tensor result =
      module.forward(at::ones({1, 3, kTinyImageSize, kTinyImageSize})).to(at::kFloat).contiguous();
  return {result.data_ptr<float>(), result.data_ptr<float>() + result.numel()};
}

// A tiny model directory that the test may damage.
struct TinyDirectory {
  Scratch folder;
  std::filesystem::path vision = folder.path() / "vision.pt";
  TinyDirectory() { write_tiny_model(folder.path()); }
};

}  // namespace

TEST_CASE("loading binds large weights to the file and gives the bits of torch::jit::load",
          "[encoder][torch_module]") {
  const TinyDirectory tiny;
  const TorchModule module = TorchModule::load(tiny.vision, "cpu", "");
  CHECK(module.memory().mapped_bytes ==
        std::size_t{kTinyDim} * 3 * kTinyImageSize * kTinyImageSize * 4);
  CHECK(vision_forward(module) == plain_vision_forward(tiny.vision));
}

TEST_CASE("small weights are read, large ones of the same file are bound",
          "[encoder][torch_module]") {
  const TinyDirectory tiny;
  const TorchModule module = TorchModule::load(tiny.folder.path() / "text.pt", "cpu", "");
  CHECK(module.memory().mapped_bytes == 300u * kTinyTextWidth * 4);
}

TEST_CASE("weights out of reach of parameters and buffers are read for real",
          "[encoder][torch_module]") {
  const Scratch folder;
  const auto file = folder.path() / "listed.pt";
  write_module_with_weights_in_a_list(file);
  const TorchModule module = TorchModule::load(file, "cpu", "");
  CHECK(module.memory().mapped_bytes == 0);
  CHECK(vision_forward(module) == plain_vision_forward(file));
}

TEST_CASE("a module outlives its file's name and can be moved", "[encoder][torch_module]") {
  const TinyDirectory tiny;
  const std::vector<float> expected = plain_vision_forward(tiny.vision);
  TorchModule first = TorchModule::load(tiny.vision, "cpu", "");
  std::filesystem::remove(tiny.vision);
  const TorchModule second = std::move(first);
  CHECK(vision_forward(second) == expected);
}

TEST_CASE("loading never writes to the file", "[encoder][torch_module]") {
  const TinyDirectory tiny;
  std::filesystem::permissions(tiny.vision, std::filesystem::perms::owner_read);
  const auto before = std::filesystem::last_write_time(tiny.vision);
  vision_forward(TorchModule::load(tiny.vision, "cpu", "bfloat16"));
  CHECK(std::filesystem::last_write_time(tiny.vision) == before);
}

TEST_CASE("a precision converts the weights and stays near", "[encoder][torch_module]") {
  const TinyDirectory tiny;
  const TorchModule module = TorchModule::load(tiny.vision, "cpu", "bfloat16");
  const at::Tensor result = module.forward(at::ones({1, 3, kTinyImageSize, kTinyImageSize}));
  CHECK(result.scalar_type() == at::kBFloat16);
  const std::vector<float> exact = plain_vision_forward(tiny.vision);
  const std::vector<float> rounded = vision_forward(module);
  for (std::size_t i = 0; i < exact.size(); ++i) {
    CHECK(rounded[i] == Approx(exact[i]).margin(0.05));
  }
}

TEST_CASE("a truncated archive is refused by name, whatever the cut", "[encoder][torch_module]") {
  const TinyDirectory tiny;
  const auto size = std::filesystem::file_size(tiny.vision);
  for (const auto cut : {size - 1, size - 100, size / 2, std::uintmax_t{100}, std::uintmax_t{1}}) {
    std::filesystem::resize_file(tiny.vision, cut);
    const Error error = error_of([&] { TorchModule::load(tiny.vision, "cpu", ""); });
    CHECK(error.kind() == ErrorKind::bad_model);
    CHECK_THAT(error.what(), Contains("vision.pt"));
    CHECK(std::string(error.what()).find('\n') == std::string::npos);
  }
}

TEST_CASE("what is not an archive is refused by name", "[encoder][torch_module]") {
  const Scratch folder;
  const auto file = folder.path() / "vision.pt";
  CHECK_THAT(error_of([&] { TorchModule::load(file, "cpu", ""); }).what(),
             Contains("cannot be opened"));
  std::ofstream(file).close();
  CHECK_THAT(error_of([&] { TorchModule::load(file, "cpu", ""); }).what(), Contains("is empty"));
  CHECK_THAT(error_of([&] { TorchModule::load(folder.path(), "cpu", ""); }).what(),
             Contains("is not a regular file"));
  std::ofstream(file) << "version https://git-lfs.github.com/spec/v1\n";
  CHECK(error_of([&] { TorchModule::load(file, "cpu", ""); }).kind() == ErrorKind::bad_model);
}

TEST_CASE("an input of the wrong shape is a one-line error that names the file",
          "[encoder][torch_module]") {
  const TinyDirectory tiny;
  const TorchModule module = TorchModule::load(tiny.vision, "cpu", "");
  const Error error = error_of([&] { module.forward(at::ones({1, 2})); });
  CHECK(error.kind() == ErrorKind::bad_model);
  CHECK_THAT(error.what(), Contains("vision.pt"));
  CHECK(std::string(error.what()).find('\n') == std::string::npos);
}

TEST_CASE("a result of another shape than the manifest says is refused",
          "[encoder][torch_module]") {
  const TinyDirectory tiny;
  const TorchModule module = TorchModule::load(tiny.vision, "cpu", "");
  module.expect_shape(at::ones({2, 3}), {2, 3});
  CHECK_THAT(error_of([&] { module.expect_shape(at::ones({2, 3}), {2, 4}); }).what(),
             Contains("[2, 3]") && Contains("[2, 4]"));
}
