#include "base/loaded_module.h"

#include <filesystem>
#include <fstream>
#include <string>

#include "support/catch.h"
#include "support/error.h"
#include "test_module.h"

namespace llm2clip {
namespace {

namespace fs = std::filesystem;
using testing::error_of;

ModuleName named(const char* file, const char* symbol = "llm2clip_test_module_1") {
  return {.purpose = "tests",
          .file = file,
          .symbol = symbol,
          .option = "LLM2CLIP_TESTS",
          .packages = "Debian's libtest1 and libtest2"};
}

// A file that is there as long as the object.
class BesideUs {
 public:
  explicit BesideUs(const std::string& name) : path_(modules_folder() / name) {
    fs::create_directories(path_.parent_path());
    std::ofstream(path_) << "no library";
  }
  BesideUs(const BesideUs&) = delete;
  BesideUs& operator=(const BesideUs&) = delete;
  ~BesideUs() { fs::remove(path_); }
  std::string path() const { return path_.string(); }

 private:
  fs::path path_;
};

std::string message_of(const ModuleName& name) {
  const Error error = error_of([&] { load_module(name); });
  CHECK(error.kind() == ErrorKind::unavailable);
  return error.what();
}

TEST_CASE("a module beside the code that asks for it gives its table", "[base][loaded_module]") {
  const auto& table = loaded_module<TestTable>(named("libllm2clip-test-module.so"));
  CHECK(table.twice(21) == 42);
  CHECK(&loaded_module<TestTable>(named("libllm2clip-test-module.so")) == &table);
}

TEST_CASE("a module that is missing is named with what to install", "[base][loaded_module]") {
  CHECK(message_of(named("libllm2clip-none.so")) ==
        "tests: libllm2clip-none.so is not in " + modules_folder().string() +
            " or llm2clip in it; install it, or build with LLM2CLIP_TESTS where Debian's libtest1 "
            "and libtest2 are");
}

TEST_CASE("a module that does not load is named with the loader's reason",
          "[base][loaded_module]") {
  const BesideUs file("llm2clip/libllm2clip-broken.so");
  const std::string message = message_of(named("libllm2clip-broken.so"));
  CHECK(message.starts_with("tests: " + file.path() + " cannot be loaded: "));
  CHECK(message.ends_with("; install Debian's libtest1 and libtest2"));
}

TEST_CASE("a module of another version is refused", "[base][loaded_module]") {
  CHECK(message_of(named("libllm2clip-test-module.so", "llm2clip_test_module_2"))
            .ends_with("is of another version of llm2clip, it has no llm2clip_test_module_2; "
                       "install both from one package"));
}

}  // namespace
}  // namespace llm2clip
