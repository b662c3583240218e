// On a GPU the host must wait for nothing but a batch's rows. No GPU is here, so this looks at what
// would wait there: the sources, and the operators that run on the way from inputs to rows.

#include <ATen/record_function.h>

#include <filesystem>
#include <fstream>
#include <mutex>
#include <regex>
#include <set>
#include <string>

#include "llm2clip/log.h"
#include "llm2clip/model.h"
#include "support/catch.h"
#include "support/tiny_model.h"

using namespace llm2clip;
using namespace llm2clip::testing;

namespace {

std::string code_of(const std::filesystem::path& source) {
  std::ifstream file(source);
  std::string code;
  for (std::string line; std::getline(file, line);) code += line.substr(0, line.find("//")) + "\n";
  return code;
}

// What reads values of a tensor, and so waits for the device that makes them.
const std::regex kWaits(R"(\bitem\s*[<(]|\.cpu\(|kCPU\)|\bnonzero\b|\bis_nonzero\b|\ballclose\b)"
                        R"(|at::equal\b|\bmasked_select\b|\bunique|\bsynchronize\b|data_ptr)");

// The operators that LibTorch runs in this thread while it lives.
class Operators {
 public:
  Operators() : handle_(at::addThreadLocalCallback(callback())) { names().clear(); }
  ~Operators() { at::removeCallback(handle_); }
  static std::set<std::string>& names() {
    static thread_local std::set<std::string> all;
    return all;
  }

 private:
  static at::RecordFunctionCallback callback() {
    return at::RecordFunctionCallback(
               [](const at::RecordFunction& function) -> std::unique_ptr<at::ObserverContext> {
                 names().insert(function.name());
                 return nullptr;
               })
        .scopes({at::RecordScope::FUNCTION});
  }
  at::CallbackHandle handle_;
};

std::vector<Image> images(std::size_t count) {
  Image image{.width = 10, .height = 10};
  image.pixels.assign(300, 128);
  return std::vector<Image>(count, image);
}

std::size_t readbacks(const std::function<void()>& step) {
  std::size_t count = 0;
  set_log_callback(
      [&](LogLevel, std::string_view line) { count += line.starts_with("read back ") ? 1 : 0; },
      LogLevel::debug);
  step();
  set_log_callback({});
  return count;
}

}  // namespace

TEST_CASE("the way from inputs to rows reads values in one place", "[encoder][waiting]") {
  // Inputs are made on the host and read there; readback.cpp has the readback.
  const std::set<std::string> allowed = {"src/encoder/readback.cpp", "src/encoder/text_tower.cpp",
                                         "src/encoder/upload.cpp"};
  std::vector<std::filesystem::path> sources;
  for (const auto& entry : std::filesystem::directory_iterator("src/encoder")) {
    if (entry.path().extension() == ".cpp") sources.push_back(entry.path());
  }
  REQUIRE(sources.size() > 8);
  for (const auto& source : sources) {
    INFO(source.string());
    const std::string code = code_of(source);
    // torch_module.cpp names the CPU where it loads, before anything is computed, and processor.cpp
    // tries a product there.
    const bool loads =
        source.filename() == "torch_module.cpp" || source.filename() == "processor.cpp";
    CHECK((std::regex_search(code, kWaits) && !loads) == allowed.contains(source.string()));
  }
}

TEST_CASE("no operator on the way from inputs to rows reads values", "[encoder][waiting]") {
  const TinyModel tiny({.device = "cpu", .optimize = Optimize::never});  // as a GPU runs it
  const std::vector<std::string> texts = {"a red circle", "blue", "a photo of a red circle"};
  const Operators operators;
  tiny.model.encode_images(images(3), {.batch_size = 2});
  tiny.model.encode_texts(texts);
  const std::set<std::string>& ran = Operators::names();
  CHECK(ran.contains("aten::linear"));
  for (const char* waits :
       {"aten::item", "aten::_local_scalar_dense", "aten::nonzero", "aten::is_nonzero",
        "aten::equal", "aten::masked_select", "aten::_unique2", "aten::allclose"}) {
    INFO(waits);
    CHECK_FALSE(ran.contains(waits));
  }
}

TEST_CASE("each batch is read back once", "[encoder][waiting]") {
  const TinyModel tiny;
  CHECK(readbacks([&] { tiny.model.encode_images(images(7), {.batch_size = 3}); }) == 3);
  // Two lengths, so two batches.
  const std::vector<std::string> texts = {"ab", "cd", "abc", "ef"};
  CHECK(readbacks([&] { tiny.model.encode_texts(texts); }) == 2);
  EncodeOptions captions;
  captions.adapter = false;
  CHECK(readbacks([&] { tiny.model.encode_texts(texts, captions); }) == 2);
}
