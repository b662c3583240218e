#include "base/free_memory.h"

#include <fstream>
#include <limits>

#include "support/catch.h"
#include "support/scratch.h"

namespace llm2clip {
namespace {

namespace fs = std::filesystem;
using testing::Scratch;

constexpr std::uint64_t kMB = 1'000'000;
constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();

// A tree of files as the kernel shows them.
class Tree {
 public:
  const fs::path& root() const { return folder_.path(); }

  void write(const std::string& name, const std::string& text) {
    const fs::path path = root() / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  // Bytes, as memory.max and its like have them.
  void number(const std::string& name, std::uint64_t value) {
    write(name, std::to_string(value) + "\n");
  }

  // 64 GB, of which nothing is used: no bound beside those of a test.
  void large_machine() {
    write(
        "proc/meminfo",
        "MemTotal:       64000000 kB\nMemFree:        60000000 kB\nMemAvailable:   62000000 kB\n"
        "SwapTotal:             0 kB\nSwapFree:              0 kB\nAnonPages:        100000 kB\n");
  }
  void version2(const std::string& own, const std::string& mount_root = "/") {
    large_machine();
    write("proc/self/cgroup", "0::" + own + "\n");
    write("proc/self/mountinfo", "22 1 0:5 / /proc rw - proc proc rw\n31 23 0:28 " + mount_root +
                                     " /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n");
  }
  void version1(const std::string& own, const std::string& mount_root = "/") {
    large_machine();
    write("proc/self/cgroup", "5:cpu,cpuacct:/elsewhere\n4:hugetlb,memory:" + own + "\n");
    write("proc/self/mountinfo",
          "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
          "35 31 0:32 " +
              mount_root + " /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n");
  }
  FreeMemory free() const { return free_memory(root()); }
  std::uint64_t likely() const { return free().likely(); }
  // The least `most` of all groups.
  std::uint64_t most() const {
    std::uint64_t least = kUnlimited;
    for (const MemoryBound& bound : free().memory) {
      if (bound.of != "the machine") least = std::min(least, bound.most);
    }
    return least;
  }

 private:
  Scratch folder_;
};

TEST_CASE("pages of files that fill a group count as free, in v2", "[free_memory]") {
  Tree tree;
  tree.version2("/a/job");
  tree.number("sys/fs/cgroup/a/job/memory.max", 5000 * kMB);
  tree.number("sys/fs/cgroup/a/job/memory.current", 4900 * kMB);
  tree.write("sys/fs/cgroup/a/job/memory.stat",
             "anon 800000000\nfile 4100000000\nshmem 300000000\ninactive_file 3000000000\n"
             "active_file 700000000\nslab_reclaimable 50000000\nfile_dirty 40000000\n"
             "file_writeback 10000000\n");
  // 5000 - (4900 - 3000 - 700 - 50) - 50: shared memory stands in `file` and in no list of files.
  CHECK(tree.likely() == 3800 * kMB);
  CHECK(tree.most() == 3900 * kMB);
  CHECK(tree.free().memory.back().of == "control group /a/job");
}

TEST_CASE("pages of files that fill a group count as free, in v1", "[free_memory]") {
  Tree tree;
  tree.version1("/docker/b");
  tree.number("sys/fs/cgroup/memory/docker/b/memory.limit_in_bytes", 5000 * kMB);
  tree.number("sys/fs/cgroup/memory/docker/b/memory.usage_in_bytes", 4900 * kMB);
  tree.write(
      "sys/fs/cgroup/memory/docker/b/memory.stat",
      "rss 1\ninactive_file 1\ntotal_rss 900000000\ntotal_shmem 100000000\n"
      "total_inactive_file 3000000000\ntotal_active_file 700000000\ntotal_dirty 100000000\n");
  CHECK(tree.likely() == 3700 * kMB);
  CHECK(tree.most() == 4000 * kMB);
}

TEST_CASE("the groups above count, and memory.high slows down but does not end", "[free_memory]") {
  Tree tree;
  tree.version2("/a/b/c");
  tree.write("sys/fs/cgroup/a/b/c/memory.max", "max\n");
  tree.number("sys/fs/cgroup/a/b/c/memory.current", 100 * kMB);
  tree.number("sys/fs/cgroup/a/memory.max", 2000 * kMB);
  tree.number("sys/fs/cgroup/a/memory.high", 1500 * kMB);
  tree.number("sys/fs/cgroup/a/memory.current", 1200 * kMB);
  tree.write("sys/fs/cgroup/a/memory.stat", "anon 1200000000\n");
  CHECK(tree.likely() == 300 * kMB);
  CHECK(tree.most() == 800 * kMB);
  // Of two limits the lower one, wherever it stands.
  tree.number("sys/fs/cgroup/a/b/memory.max", 250 * kMB);
  tree.number("sys/fs/cgroup/a/b/memory.current", 200 * kMB);
  CHECK(tree.likely() == 50 * kMB);
}

TEST_CASE("limits of v1 above a group without hierarchy do not hold for it", "[free_memory]") {
  Tree tree;
  tree.version1("/a/b");
  tree.number("sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", 9223372036854771712u);
  tree.number("sys/fs/cgroup/memory/a/memory.limit_in_bytes", 1000 * kMB);
  tree.number("sys/fs/cgroup/memory/a/memory.use_hierarchy", 0);
  CHECK(tree.most() == kUnlimited);
  tree.number("sys/fs/cgroup/memory/a/memory.use_hierarchy", 1);
  CHECK(tree.likely() == 1000 * kMB);
  // A group outside of the container bounds it as well.
  tree.write("sys/fs/cgroup/memory/a/b/memory.stat",
             "hierarchical_memory_limit 600000000\ntotal_rss 100000000\n");
  tree.number("sys/fs/cgroup/memory/a/b/memory.usage_in_bytes", 150 * kMB);
  CHECK(tree.likely() == 450 * kMB);
  CHECK(tree.most() == 500 * kMB);
}

TEST_CASE("in a hybrid the controller of v1 is asked, and v2 has no files", "[free_memory]") {
  Tree tree;
  tree.version1("/a");
  tree.write("proc/self/cgroup", "4:memory:/a\n1:name=systemd:/x\n0::/user.slice\n");
  tree.write("proc/self/mountinfo",
             "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
             "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
  fs::create_directories(tree.root() / "sys/fs/cgroup/unified/user.slice");
  tree.number("sys/fs/cgroup/memory/a/memory.limit_in_bytes", 700 * kMB);
  tree.number("sys/fs/cgroup/memory/a/memory.usage_in_bytes", 200 * kMB);
  CHECK(tree.likely() == 500 * kMB);
}

TEST_CASE("a container sees its group where the mount is", "[free_memory]") {
  Tree tree;
  SECTION("with a namespace: the path is /") { tree.version2("/"); }
  SECTION("without: the mount shows the group's own folder") {
    tree.version2("/docker/abc", "/docker/abc");
  }
  tree.number("sys/fs/cgroup/memory.max", 900 * kMB);
  tree.number("sys/fs/cgroup/memory.current", 400 * kMB);
  tree.write("sys/fs/cgroup/memory.stat", "anon 400000000\n");
  CHECK(tree.likely() == 500 * kMB);
  CHECK(tree.most() == 500 * kMB);
}

TEST_CASE("a group that cannot be found for certain refuses nothing", "[free_memory]") {
  Tree tree;
  SECTION("not below the mount") { tree.version2("/other", "/docker/abc"); }
  SECTION("outside of the namespace") { tree.version2("/../sibling"); }
  SECTION("removed meanwhile") { tree.version2("/gone (deleted)"); }
  SECTION("a name that only begins like the mount's") {
    tree.version2("/docker/abcd", "/docker/abc");
  }
  tree.number("sys/fs/cgroup/memory.max", 900 * kMB);
  tree.number("sys/fs/cgroup/memory.current", 400 * kMB);
  CHECK(tree.likely() == 500 * kMB);
  CHECK(tree.most() == kUnlimited);
}

TEST_CASE("mount points and groups may have spaces and colons", "[free_memory]") {
  Tree tree;
  tree.large_machine();
  tree.write("proc/self/cgroup", "0::/a:b c\n");
  tree.write("proc/self/mountinfo", "31 23 0:28 / /sys/fs/c\\040g rw - cgroup2 cgroup2 rw\n");
  tree.number("sys/fs/c g/a:b c/memory.max", 5 * kMB);
  CHECK(tree.likely() == 5 * kMB);
}

TEST_CASE("files that are missing or garbage bound nothing and are not refused by",
          "[free_memory]") {
  Tree tree;
  CHECK(tree.free().memory.empty());
  CHECK(tree.likely() == kUnlimited);
  tree.version2("/a");
  SECTION("no number") { tree.write("sys/fs/cgroup/a/memory.max", "a lot\n"); }
  SECTION("too large a number") {
    tree.write("sys/fs/cgroup/a/memory.max", "99999999999999999999999\n");
  }
  SECTION("negative") { tree.write("sys/fs/cgroup/a/memory.max", "-1\n"); }
  SECTION("empty") { tree.write("sys/fs/cgroup/a/memory.max", ""); }
  SECTION("no files") { fs::create_directories(tree.root() / "sys/fs/cgroup/a"); }
  SECTION("broken tables") {
    tree.write("proc/self/cgroup", "0\n:\n0:\nmemory\n\n");
    tree.write("proc/self/mountinfo", "31\n31 23 0:28 / /sys - cgroup2\n-\n- - - - - - -\n");
    tree.write("proc/self/limits", "Max address space\nMax data size    lots  lots bytes\n");
    tree.write("proc/self/status", "VmSize:\nVmData: x kB\n");
  }
  CHECK(tree.likely() == 62'000'000ull << 10);
  CHECK(tree.most() == kUnlimited);
}

TEST_CASE("what a group uses may be unknown: then its limit alone is certain", "[free_memory]") {
  Tree tree;
  tree.version2("/a");
  tree.number("sys/fs/cgroup/a/memory.max", 900 * kMB);
  CHECK(tree.likely() == 900 * kMB);
  tree.number("sys/fs/cgroup/a/memory.current", 800 * kMB);
  CHECK(tree.likely() == 100 * kMB);
  CHECK(tree.most() == 900 * kMB);  // all of it may be pages of files
}

TEST_CASE("swap makes more possible, and nothing likely", "[free_memory]") {
  Tree tree;
  tree.version2("/a");
  tree.write(
      "proc/meminfo",
      "MemTotal: 1000000 kB\nMemAvailable: 500000 kB\nAnonPages: 300000 kB\nShmem: 100000 kB\n"
      "SwapFree: 200000 kB\n");
  CHECK(tree.free().memory.front().likely == 500'000u << 10);
  CHECK(tree.free().memory.front().most == 800'000u << 10);
  tree.number("sys/fs/cgroup/a/memory.max", 100 * kMB);
  tree.number("sys/fs/cgroup/a/memory.current", 90 * kMB);
  tree.write("sys/fs/cgroup/a/memory.stat", "anon 90000000\n");
  tree.number("sys/fs/cgroup/a/memory.swap.max", 50 * kMB);
  tree.number("sys/fs/cgroup/a/memory.swap.current", 20 * kMB);
  CHECK(tree.likely() == 10 * kMB);
  CHECK(tree.most() == 40 * kMB);
}

TEST_CASE("an old system without MemAvailable is asked for its parts", "[free_memory]") {
  Tree tree;
  tree.write("proc/meminfo",
             "MemTotal: 1000 kB\nMemFree: 100 kB\nActive(file): 20 kB\nInactive(file): 30 kB\n");
  CHECK(tree.likely() == 150u << 10);
}

TEST_CASE("resource limits bound the addresses", "[free_memory]") {
  Tree tree;
  tree.large_machine();
  tree.write("proc/self/limits",
             "Limit                     Soft Limit           Hard Limit           Units     \n"
             "Max data size             300000000            unlimited            bytes     \n"
             "Max address space         1000000000           unlimited            bytes     \n");
  tree.write("proc/self/status", "Name:\tx\nVmSize:\t  500000 kB\nVmData:\t  100000 kB\n");
  const FreeMemory free = tree.free();
  REQUIRE(free.addresses.size() == 2);
  CHECK(free.addresses[0].of == "RLIMIT_AS");
  CHECK(free.addresses[0].most == 1'000'000'000 - (500'000u << 10));
  CHECK(free.addresses[1].most == 300'000'000 - (100'000u << 10));
  CHECK(free.likely() == free.addresses[1].most);
}

TEST_CASE("this machine tells what is free", "[free_memory]") {
  const FreeMemory free = free_memory();
  REQUIRE_FALSE(free.memory.empty());
  CHECK(free.likely() > kMB);
  for (const MemoryBound& bound : free.memory) CHECK(bound.most >= bound.likely);
}

}  // namespace
}  // namespace llm2clip
