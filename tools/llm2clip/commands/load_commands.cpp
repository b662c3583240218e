#include "commands/load_commands.h"

#include <dlfcn.h>

#include "llm2clip/error.h"

namespace llm2clip::cli {
namespace {

[[noreturn]] void refuse() {
  throw Error(ErrorKind::unavailable,
              std::string("the commands cannot be loaded: ") + ::dlerror() +
                  "; is LibTorch where the loader looks, and llm2clip installed as a whole?");
}

// Never unloaded: LibTorch's threads live as long as the process. Lazy, as a linked library is
// bound, because binding all of LibTorch's functions takes longer than most commands.
template <typename Table>
const Table& load(const char* file, const char* symbol) {
  void* module = ::dlopen(file, RTLD_LAZY | RTLD_LOCAL);
  if (module == nullptr) refuse();
  const void* table = ::dlsym(module, symbol);
  if (table == nullptr) refuse();
  return *static_cast<const Table*>(table);
}

const Commands* loaded = nullptr;

}  // namespace

const Commands& commands() {
  if (loaded == nullptr) loaded = &load<Commands>(LLM2CLIP_COMMANDS, "llm2clip_commands");
  return *loaded;
}

const ServeCommand& serve_command() { return load<ServeCommand>(LLM2CLIP_SERVE, "llm2clip_serve"); }

bool commands_left_threads() { return loaded != nullptr && loaded->left_threads(); }

}  // namespace llm2clip::cli
