#pragma once

#include <filesystem>

namespace llm2clip {

/// A library of ours that is loaded where it is first used, because it brings foreign libraries
/// along that most programs do without. It exports one function of C, whose name carries the
/// version of what it returns: a table of functions that lives as long as the process.
///
///   extern "C" __attribute__((visibility("default"))) const FilmTable* llm2clip_films_1();
struct ModuleName {
  const char* purpose;   ///< what messages begin with: "films"
  const char* file;      ///< "libllm2clip-films.so"
  const char* symbol;    ///< the function: "llm2clip_films_1"
  const char* option;    ///< of CMake that builds it: "LLM2CLIP_FILMS"
  const char* packages;  ///< that it needs: "Debian's libavformat59 and libavcodec59"
};

/// Where modules are looked for: the folder of the library or program that this code is in, and the
/// folder llm2clip in it, where packages have them. Links are followed.
std::filesystem::path modules_folder();

/// Loads the module, once a process, and calls its function. Throws Error(unavailable) that names
/// the file and what to install.
const void* load_module(const ModuleName& name);

/// The same with its type, which the module's version vouches for.
template <typename Table>
const Table& loaded_module(const ModuleName& name) {
  return *static_cast<const Table*>(load_module(name));
}

}  // namespace llm2clip
