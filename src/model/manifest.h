#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "llm2clip/model.h"

namespace llm2clip {

class JsonObject;

/// llm2clip.json of a model directory, checked: every part it names is consistent with the others.
/// Format: docs/model_format.md.
class Manifest {
 public:
  /// `expected_sha256` is compared before anything is parsed; empty: any.
  /// Throws Error(bad_model).
  static Manifest read(const std::filesystem::path& directory,
                       const std::string& expected_sha256 = {});

  const ModelInfo& info() const { return info_; }

  /// The path of a file the manifest names, after its size and hash were found right.
  /// Throws Error(bad_model), and what `before_block` throws, as for sha256_of_file.
  std::filesystem::path checked_file(const std::string& name, bool always_hash,
                                     const std::function<void()>& before_block = {}) const;

  /// Whether the manifest names the file.
  bool names(const std::string& file) const { return files_.contains(file); }

  /// checked_file for every file the manifest names.
  void check_all_files() const;

 private:
  struct FileEntry {
    std::uint64_t bytes = 0;
    std::string sha256;
  };

  void read_files(JsonObject& files);
  /// Gives each part the size and hash of its file. `files` is for the messages.
  void find_parts(const JsonObject& files);

  std::filesystem::path directory_;
  ModelInfo info_;
  std::map<std::string, FileEntry> files_;
};

}  // namespace llm2clip
