#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace llm2clip::cli {

/// What tells whether a file has changed; empty where it cannot be looked at.
struct FileState {
  std::string identity;  // its size
  std::string stamp;     // its time
};
FileState state_of(const std::string& path);

/// What is known of containers, which are files of several inputs: archives and films.
class ContainerMemory {
 public:
  virtual ~ContainerMemory() = default;
  /// Whether all inputs of the file are there as it is now, so that it need not be read.
  virtual bool knows(const std::string& name, const FileState& state) = 0;
  /// All its inputs, so many, were given, and nothing was wrong with any.
  virtual void ended(const std::string& name, const FileState& state, std::uint64_t inputs) = 0;
};

/// One container that is being read.
class ContainerReading {
 public:
  /// `memory` may be null. `state` has what is read from the file, too, where that can differ.
  ContainerReading(ContainerMemory* memory, std::string name, FileState state)
      : memory_(memory), name_(std::move(name)), state_(std::move(state)) {}

  bool is_known() const;
  void count() { ++inputs_; }
  void end() const;

 private:
  ContainerMemory* memory_;
  std::string name_;
  FileState state_;
  std::uint64_t inputs_ = 0;
};

}  // namespace llm2clip::cli
