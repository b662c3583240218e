#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "llm2clip/model.h"
#include "model/model_files.h"

namespace llm2clip {

class JsonObject;

/// llm2clip.json of a model directory, checked: every part it names is consistent with the others.
/// Format: docs/model_format.md.
class Manifest {
 public:
  /// `expected_sha256` is compared before anything is parsed; empty: any.
  /// Throws Error(bad_model).
  static Manifest read(const ModelFiles& source, const std::string& expected_sha256 = {});

  const ModelInfo& info() const { return info_; }

  /// A file the manifest names, after its size and hash were found right.
  /// Throws Error(bad_model), and what `before_block` throws, as for sha256_of_file.
  StoredFile checked_file(const std::string& name, bool always_hash,
                          const std::function<void()>& before_block = {}) const;

  /// Where the files are.
  const ModelFiles& files() const { return source_; }

  /// Whether the manifest names the file.
  bool names(const std::string& file) const { return files_.contains(file); }

  /// checked_file for every file the manifest names.
  void check_all_files() const;

 private:
  struct FileEntry {
    std::uint64_t bytes = 0;
    std::string sha256;
  };

  /// The files that are named, and what they say of the parts.
  void read_files(JsonObject files);

  ModelFiles source_;
  ModelInfo info_;
  std::map<std::string, FileEntry> files_;
};

/// Throws Error(invalid_argument) naming the model unless its `part` ("vision", "text", "adapter")
/// is loaded.
void check_part_loaded(bool loaded, const Manifest& manifest, const char* part);

}  // namespace llm2clip
