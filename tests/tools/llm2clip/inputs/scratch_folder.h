#pragma once

#include <string>

#include "support/scratch.h"

namespace llm2clip::cli::testing {

/// Scratch with names as the command line gets them.
class ScratchFolder {
 public:
  std::string path(const std::string& name = "") const {
    return name.empty() ? scratch_.path().string() : (scratch_ / name).string();
  }
  /// A file with its folders. Returns its path.
  std::string write(const std::string& name, const std::string& content = "") const {
    return scratch_.write(name, content).string();
  }

 private:
  llm2clip::testing::Scratch scratch_;
};

}  // namespace llm2clip::cli::testing
