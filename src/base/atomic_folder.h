#pragma once

#include <filesystem>

namespace llm2clip {

/// A folder that appears under its name whole or not at all, as AtomicFile is for files: what it
/// shall hold is written below temporary(), each file brought to the disk, and commit() gives it
/// its name. Without commit() nothing is left behind.
///
/// A folder of that name is exchanged for the new one and removed; where the file system cannot
/// exchange two, it is moved away first. Members throw Error(io).
class AtomicFolder {
 public:
  /// It stands in `workplace`, on the same file system, until then.
  AtomicFolder(std::filesystem::path path, const std::filesystem::path& workplace);
  AtomicFolder(const AtomicFolder&) = delete;
  AtomicFolder& operator=(const AtomicFolder&) = delete;
  ~AtomicFolder();

  const std::filesystem::path& temporary() const { return temporary_; }
  void commit();

 private:
  void take_its_place();

  std::filesystem::path path_;
  std::filesystem::path temporary_;
};

}  // namespace llm2clip
