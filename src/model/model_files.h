#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>

#include "base/stored_file.h"
#include "llm2clip/model.h"

namespace llm2clip {

/// Where the files of a model are: a directory, or memory of the program's.
class ModelFiles {
 public:
  ModelFiles() = default;
  ModelFiles(std::filesystem::path directory) : directory_(std::move(directory)) {}
  /// Keeps names and spans, not the bytes.
  explicit ModelFiles(std::span<const ModelFile> files);

  /// Empty for memory.
  const std::filesystem::path& directory() const { return directory_; }
  bool in_memory() const { return in_memory_; }
  /// The directory, or what stands for it in messages.
  std::filesystem::path name() const;

  /// The file of that name. In memory: throws Error(bad_model) when there is none; on the disk
  /// nothing is looked at.
  StoredFile at(const std::string& name) const;

 private:
  std::filesystem::path directory_;
  bool in_memory_ = false;
  std::map<std::string, std::span<const std::byte>> files_;
};

}  // namespace llm2clip
