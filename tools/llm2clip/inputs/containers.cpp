#include "inputs/containers.h"

#include <sys/stat.h>

namespace llm2clip::cli {

FileState state_of(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return {};
  return {std::to_string(status.st_size),
          std::to_string(status.st_mtim.tv_sec) + "." + std::to_string(status.st_mtim.tv_nsec)};
}

bool ContainerReading::is_known() const {
  return memory_ != nullptr && !state_.identity.empty() && memory_->knows(name_, state_);
}

void ContainerReading::end() const {
  if (memory_ != nullptr && !state_.identity.empty()) memory_->ended(name_, state_, inputs_);
}

}  // namespace llm2clip::cli
