// llm2clip.json is read, or refused as a bad model.

#include "model/manifest.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "property.h"

namespace {

namespace fs = std::filesystem;

// A model directory of this process with nothing but a manifest, in memory.
struct Directory {
  fs::path path = fs::path("/dev/shm") / ("llm2clip-fuzz-" + std::to_string(::getpid()));
  Directory() { fs::create_directory(path); }
  ~Directory() { fs::remove_all(path); }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Directory directory;
  std::ofstream(directory.path / "llm2clip.json", std::ios::binary)
      .write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
  llm2clip::fuzz::takes(llm2clip::ErrorKind::bad_model, [&] {
    const auto manifest = llm2clip::Manifest::read(directory.path);
    llm2clip::fuzz::takes(llm2clip::ErrorKind::bad_model, [&] { manifest.check_all_files(); });
  });
  return 0;
}
