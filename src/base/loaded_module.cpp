#include "base/loaded_module.h"

#include <dlfcn.h>

#include <string>
#include <system_error>

#include "llm2clip/error.h"

namespace llm2clip {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const ModuleName& name, const std::string& message) {
  throw Error(ErrorKind::unavailable, std::string(name.purpose) + ": " + message);
}

fs::path find(const ModuleName& name) {
  const fs::path folder = modules_folder();
  for (const fs::path& file : {folder / name.file, folder / "llm2clip" / name.file}) {
    std::error_code error;
    if (fs::exists(file, error)) return file;
  }
  refuse(name, std::string(name.file) + " is not in " + folder.string() +
                   " or llm2clip in it; install it, or build with " + name.option + " where " +
                   name.packages + " are");
}

}  // namespace

fs::path modules_folder() {
  Dl_info info{};
  fs::path file;
  if (::dladdr(reinterpret_cast<const void*>(&modules_folder), &info) != 0) file = info.dli_fname;
  // Of a program this is what it was called by, which need not be a path.
  if (!file.has_parent_path()) file = "/proc/self/exe";
  std::error_code error;
  const fs::path whole = fs::canonical(file, error);
  return (error ? fs::absolute(file) : whole).parent_path();
}

// Never unloaded: what it brings along may have threads and handlers of the process's end.
const void* load_module(const ModuleName& name) {
  const fs::path file = find(name);
  void* module = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (module == nullptr) {
    const char* reason = ::dlerror();
    refuse(name, file.string() + " cannot be loaded: " + (reason == nullptr ? "" : reason) +
                     "; install " + name.packages);
  }
  void* function = ::dlsym(module, name.symbol);
  if (function == nullptr) {
    refuse(name, file.string() + " is of another version of llm2clip, it has no " + name.symbol +
                     "; install both from one package");
  }
  return reinterpret_cast<const void* (*)()>(function)();
}

}  // namespace llm2clip
