#include "memory_plan.h"

#include <algorithm>
#include <fstream>
#include <limits>

#include "llm2clip/error.h"
#include "log.h"

namespace llm2clip {
namespace {

std::optional<std::uint64_t> available_on_machine() {
  std::ifstream file("/proc/meminfo");
  std::string name;
  std::uint64_t kibibytes = 0;
  while (file >> name >> kibibytes) {
    if (name == "MemAvailable:") return kibibytes << 10;
    file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return std::nullopt;
}

std::optional<std::uint64_t> number_in(const char* path) {
  std::ifstream file(path);
  std::uint64_t number = 0;
  return file >> number ? std::optional(number) : std::nullopt;  // "max" is no number
}

std::string megabytes(std::uint64_t bytes) { return std::to_string(bytes / 1'000'000) + " MB"; }

}  // namespace

std::optional<std::uint64_t> free_memory() {
  const auto machine = available_on_machine();
  // As a container sees its own group.
  const auto limit = number_in("/sys/fs/cgroup/memory.max");
  const auto used = number_in("/sys/fs/cgroup/memory.current");
  if (!limit || !used) return machine;
  const std::uint64_t group = *limit - std::min(*limit, *used);
  return std::min(group, machine.value_or(group));
}

void check_memory_plan(const std::string& model, const MemoryPlan& plan,
                       std::optional<std::uint64_t> free) {
  const std::string words = megabytes(plan.copied) + " for copies of weights, about " +
                            megabytes(plan.activations) + " for activations";
  log(LogLevel::info, [&] {
    return model + ": " + megabytes(plan.mapped) + " of weights stay in their files; needs " +
           words + "; " + (free ? megabytes(*free) : "unknown") + " free";
  });
  if (!free || plan.copied + plan.activations <= *free) return;
  throw Error(ErrorKind::out_of_memory,
              model + ": needs " + words + "; " + megabytes(*free) +
                  " are free; use the stored precision, or a machine with more memory");
}

}  // namespace llm2clip
