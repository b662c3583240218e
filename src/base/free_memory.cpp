#include "base/free_memory.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <limits>
#include <map>
#include <optional>
#include <sstream>
#include <string_view>

namespace llm2clip {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();

std::uint64_t plus(std::uint64_t a, std::uint64_t b) {
  return a > kUnlimited - b ? kUnlimited : a + b;
}
std::uint64_t minus(std::uint64_t a, std::uint64_t b) {
  return a == kUnlimited ? a : a - std::min(a, b);
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(number)
                                                                  : std::nullopt;
}

std::vector<std::string> lines_of(const fs::path& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(std::move(line));
  return lines;
}

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(std::move(word));
  return words;
}

// The one number of a file; kUnlimited for "max", and for what v1 writes instead.
std::optional<std::uint64_t> number_in(const fs::path& path) {
  const std::vector<std::string> lines = lines_of(path);
  if (lines.empty()) return std::nullopt;
  const std::vector<std::string> words = words_of(lines.front());
  if (words.size() != 1) return std::nullopt;
  const auto number = words[0] == "max" ? kUnlimited : parse_number(words[0]);
  constexpr std::uint64_t kNobodyHas = std::uint64_t{1} << 62;
  return number && *number >= kNobodyHas ? kUnlimited : number;
}

// Lines of a name and a number: memory.stat, /proc/meminfo, /proc/self/status.
class Counters {
 public:
  explicit Counters(const fs::path& path) {
    for (const std::string& line : lines_of(path)) {
      const std::vector<std::string> words = words_of(line);
      if (words.size() < 2) continue;
      const auto number = parse_number(words[1]);
      const bool kibibytes = words.size() > 2 && words[2] == "kB";
      if (number && *number < kUnlimited >> 10) values_[words[0]] = *number << (kibibytes ? 10 : 0);
    }
  }

  std::optional<std::uint64_t> find(const std::string& name) const {
    const auto found = values_.find(name);
    return found == values_.end() ? std::nullopt : std::optional(found->second);
  }
  std::uint64_t sum(std::initializer_list<const char*> names) const {
    std::uint64_t sum = 0;
    for (const char* name : names) sum = plus(sum, find(name).value_or(0));
    return sum;
  }
  bool empty() const { return values_.empty(); }

 private:
  std::map<std::string, std::uint64_t> values_;
};

// ---- The machine

void add_machine(const Counters& machine, FreeMemory& free) {
  const auto total = machine.find("MemTotal:");
  if (!total) return;
  const std::uint64_t held = machine.sum({"AnonPages:", "Shmem:"});
  MemoryBound bound{.of = "the machine",
                    .likely = machine.find("MemAvailable:").value_or(kUnlimited),
                    .most = plus(minus(*total, held), machine.sum({"SwapFree:"}))};
  // Linux before 3.14 does not say MemAvailable.
  if (bound.likely == kUnlimited) {
    bound.likely = machine.sum({"MemFree:", "Active(file):", "Inactive(file):"});
  }
  bound.most = std::max(bound.most, bound.likely);
  free.memory.push_back(bound);
}

// ---- Control groups

// What the two versions call the same.
struct GroupVersion {
  const char* limit;
  const char* throttle;  // the limit above which the group is slowed down instead
  const char* usage;
  const char* swap_limit;
  const char* swap_usage;
  std::initializer_list<const char*> droppable;  // in memory.stat
  std::initializer_list<const char*> unwritten;
  std::initializer_list<const char*> held;
};

const GroupVersion kVersion1 = {.limit = "memory.limit_in_bytes",
                                .throttle = nullptr,
                                .usage = "memory.usage_in_bytes",
                                .swap_limit = nullptr,  // of memory and swap together
                                .swap_usage = nullptr,
                                .droppable = {"total_inactive_file", "total_active_file"},
                                .unwritten = {"total_dirty", "total_writeback"},
                                .held = {"total_rss", "total_shmem"}};
const GroupVersion kVersion2 = {.limit = "memory.max",
                                .throttle = "memory.high",
                                .usage = "memory.current",
                                .swap_limit = "memory.swap.max",
                                .swap_usage = "memory.swap.current",
                                .droppable = {"inactive_file", "active_file", "slab_reclaimable"},
                                .unwritten = {"file_dirty", "file_writeback"},
                                .held = {"anon", "shmem"}};

std::uint64_t room_for_swap(const fs::path& group, const GroupVersion& version,
                            std::uint64_t swap_free) {
  if (!version.swap_limit) return swap_free;
  const std::uint64_t limit = number_in(group / version.swap_limit).value_or(kUnlimited);
  return std::min(swap_free, minus(limit, number_in(group / version.swap_usage).value_or(0)));
}

// What one group allows; empty for a group without limits.
std::optional<MemoryBound> bound_of(const fs::path& group, const GroupVersion& version,
                                    std::uint64_t swap_free) {
  const Counters statistics(group / "memory.stat");
  const std::uint64_t hard =
      std::min(number_in(group / version.limit).value_or(kUnlimited),
               // v1: the least of all groups above, also of those that are not mounted here.
               statistics.find("hierarchical_memory_limit").value_or(kUnlimited));
  const std::uint64_t soft =
      version.throttle ? number_in(group / version.throttle).value_or(kUnlimited) : kUnlimited;
  const std::uint64_t limit = std::min(hard, soft);
  if (limit == kUnlimited) return std::nullopt;
  const std::uint64_t used = number_in(group / version.usage).value_or(0);
  const std::uint64_t droppable = statistics.sum(version.droppable);
  const std::uint64_t unwritten = std::min(statistics.sum(version.unwritten), droppable);
  MemoryBound bound;
  bound.likely = minus(limit, plus(minus(used, droppable), unwritten));
  bound.most =
      plus(minus(hard, statistics.sum(version.held)), room_for_swap(group, version, swap_free));
  bound.most = std::max(bound.most, bound.likely);
  return bound;
}

struct Mount {
  std::string root;   // which group stands there
  std::string point;  // where
  std::string type;
  std::string options;
};

// "\040" is a space.
std::string without_escapes(const std::string& text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned code = 0;
    const char* digits = text.data() + i + 1;
    if (text[i] == '\\' && i + 3 < text.size() &&
        std::from_chars(digits, digits + 3, code, 8).ptr == digits + 3) {
      plain += static_cast<char>(code);
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

// "31 23 0:28 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw"
std::vector<Mount> read_mounts(const fs::path& root) {
  std::vector<Mount> mounts;
  for (const std::string& line : lines_of(root / "proc/self/mountinfo")) {
    const std::vector<std::string> words = words_of(line);
    const auto dash =
        std::find(words.begin() + std::min<std::ptrdiff_t>(6, std::ssize(words)), words.end(), "-");
    if (words.end() - dash < 4) continue;
    mounts.push_back({without_escapes(words[3]), without_escapes(words[4]), dash[1], dash[3]});
  }
  return mounts;
}

bool has_item(const std::string& list, const std::string& item) {
  return ("," + list + ",").find("," + item + ",") != std::string::npos;
}

// Where this process stands in a hierarchy: "7:memory:/a/b" in v1, "0::/a/b" in v2.
std::optional<std::string> own_group(const fs::path& root, bool version2) {
  for (const std::string& line : lines_of(root / "proc/self/cgroup")) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool wanted = version2 ? controllers.empty() : has_item(controllers, "memory");
    if (wanted) return line.substr(second + 1);
  }
  return std::nullopt;
}

// The part of `group` below the mount, with "/" before each name; empty for none.
std::optional<std::string> below_mount(const std::string& group, const Mount& mount) {
  const std::string top = mount.root == "/" ? "" : mount.root;
  const bool inside =
      group.starts_with(top) && (group.size() == top.size() || group[top.size()] == '/');
  if (!inside || (group + "/").find("/../") != std::string::npos) return std::nullopt;
  const std::string below = group.substr(top.size());
  return below == "/" ? "" : below;
}

struct Place {
  fs::path mounted;   // under the root of the tree
  std::string below;  // "/a/b"
  bool certain = false;
};

std::optional<Place> find_place(const fs::path& root, const std::string& group, bool version2) {
  std::optional<Place> guess;
  std::error_code ignored;
  for (const Mount& mount : read_mounts(root)) {
    const bool wanted = version2 ? mount.type == "cgroup2"
                                 : mount.type == "cgroup" && has_item(mount.options, "memory");
    if (!wanted) continue;
    const fs::path mounted = root / fs::path(mount.point).relative_path();
    const auto below = below_mount(group, mount);
    if (below && fs::is_directory(mounted.string() + *below, ignored))
      return Place{mounted, *below, true};
    if (!guess) guess = Place{mounted, below.value_or(""), false};
  }
  return guess;
}

void add_groups(const fs::path& root, bool version2, std::uint64_t swap_free, FreeMemory& free) {
  const auto group = own_group(root, version2);
  if (!group) return;
  const auto place = find_place(root, *group, version2);
  if (!place) return;
  const GroupVersion& version = version2 ? kVersion2 : kVersion1;
  for (std::string below = place->below;; below.resize(below.rfind('/'))) {
    const fs::path folder = place->mounted.string() + below;
    // A group of v1 may leave those below it alone.
    const bool above = below.size() < place->below.size();
    const bool counts = version2 || !above || number_in(folder / "memory.use_hierarchy") != 0;
    auto bound = counts ? bound_of(folder, version, swap_free) : std::nullopt;
    if (bound) {
      bound->of = "control group " + (below.empty() ? "/" : below);
      if (!place->certain) bound->most = kUnlimited;
      free.memory.push_back(*bound);
    }
    if (below.empty()) return;
  }
}

// ---- Resource limits

// "Max address space      1000000    unlimited    bytes"
std::optional<std::uint64_t> limit_of(const std::vector<std::string>& lines,
                                      const std::string& name) {
  for (const std::string& line : lines) {
    if (!line.starts_with(name)) continue;
    const std::vector<std::string> words = words_of(line.substr(name.size()));
    return words.empty() ? std::nullopt : parse_number(words[0]);
  }
  return std::nullopt;
}

void add_limits(const fs::path& root, FreeMemory& free) {
  const std::vector<std::string> limits = lines_of(root / "proc/self/limits");
  const Counters status(root / "proc/self/status");
  const auto add = [&](const char* name, const char* line, const char* used) {
    const auto limit = limit_of(limits, line);
    if (!limit) return;
    const std::uint64_t left = minus(*limit, status.find(used).value_or(0));
    free.addresses.push_back({name, left, left});
  };
  add("RLIMIT_AS", "Max address space", "VmSize:");
  add("RLIMIT_DATA", "Max data size", "VmData:");
}

}  // namespace

std::uint64_t FreeMemory::likely() const {
  std::uint64_t least = kUnlimited;
  for (const auto* bounds : {&memory, &addresses}) {
    for (const MemoryBound& bound : *bounds) least = std::min(least, bound.likely);
  }
  return least;
}

FreeMemory free_memory(const fs::path& root) {
  FreeMemory free;
  const Counters machine(root / "proc/meminfo");
  add_machine(machine, free);
  const std::uint64_t swap_free = machine.find("SwapFree:").value_or(kUnlimited);
  for (const bool version2 : {false, true}) add_groups(root, version2, swap_free, free);
  add_limits(root, free);
  return free;
}

}  // namespace llm2clip
