#pragma once

#include <filesystem>
#include <string>

namespace llm2clip {

/// Keeps every other process from the same folder while it lives.
///
/// Note [Locks of runs]: `flock` on the file `lock` is certain, and a process that is killed leaves
/// none. Where a file system has no such locks (ENOLCK, ENOSYS, EOPNOTSUPP) the run goes on with a
/// warning, and the file `owner` says whose the folder is: made where there is none, with
/// a token that is compared before each commit. One that a process left behind is taken over where
/// that process has certainly ended, which is on the same boot of the same host alone; else a
/// person has to remove it.
class RunLock {
 public:
  static constexpr const char* kFile = "lock";
  static constexpr const char* kOwner = "owner";

  /// Makes the folder where it is missing. Throws Error(io) naming the process that holds it.
  explicit RunLock(std::filesystem::path folder);
  RunLock(RunLock&& other) noexcept;
  RunLock& operator=(RunLock&& other) noexcept;
  ~RunLock();

  /// One line for people where flock does not work; else empty.
  std::string warning() const;
  /// Throws Error(io) when the folder is another process's by now. Nothing to look at where flock
  /// works.
  void check() const;
  /// Removes what the lock left in the folder, and the folder where it is empty.
  void remove_folder();

 private:
  void take_ownership();
  void release();

  std::filesystem::path folder_;
  int descriptor_ = -1;  // of the locked file
  std::string token_;    // in the file `owner`; empty: flock works
};

}  // namespace llm2clip
