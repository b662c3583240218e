#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "store/run/run_report.h"

namespace llm2clip {

/// Compares the inputs of a final file with those that it was made of.
class FinishedInputs {
 public:
  FinishedInputs(std::filesystem::path output, InputDigests digests);

  /// The next one. Throws Error(io) where it, or one shortly before it, is another.
  void add(std::uint64_t index, const std::string& id, const std::string& digest);
  /// After the last of `count`. Throws Error(io) where there are more or fewer.
  void finish(std::uint64_t count);

 private:
  void compare(std::uint64_t last, const std::optional<std::string>& digest);
  [[noreturn]] void refuse(const std::string& why) const;

  std::filesystem::path output_;
  InputDigests known_;
  BlockDigests found_;
  std::string first_id_;  // of the block
};

}  // namespace llm2clip
