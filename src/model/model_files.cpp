#include "model/model_files.h"

#include "llm2clip/error.h"

namespace llm2clip {

ModelFiles::ModelFiles(std::span<const ModelFile> files) : in_memory_(true) {
  for (const ModelFile& file : files) {
    if (files_.emplace(file.name, file.bytes).second) continue;
    throw Error(ErrorKind::invalid_argument,
                "model in memory: two files are named " + file.name + ", one is expected");
  }
}

std::filesystem::path ModelFiles::name() const {
  return in_memory_ ? std::filesystem::path("model in memory") : directory_;
}

StoredFile ModelFiles::at(const std::string& name) const {
  if (!in_memory_) return {directory_ / name};
  const auto file = files_.find(name);
  if (file != files_.end()) return {file->first, file->second};
  throw Error(ErrorKind::bad_model,
              "model in memory: has no file " + name + "; give all files of its directory");
}

}  // namespace llm2clip
