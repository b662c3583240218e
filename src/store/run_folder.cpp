#include "store/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>

#include "llm2clip/error.h"
#include "store/atomic_file.h"
#include "store/file_calls.h"

namespace llm2clip {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::ordered_json;

constexpr const char* kLock = "lock";
constexpr const char* kSettings = "run.json";
constexpr const char* kJournal = "journal";

// For a message: empty when it cannot be read.
std::string holder_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string this_process() {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return "process " + std::to_string(::getpid()) + " on " + host.data();
}

// Whether the name still leads to the file that is open: its last holder may have removed it
// between our opening and our locking.
bool is_named(int descriptor, const fs::path& path) {
  struct stat open_file_status {};
  struct stat named {};
  return ::fstat(descriptor, &open_file_status) == 0 && ::stat(path.c_str(), &named) == 0 &&
         open_file_status.st_ino == named.st_ino && open_file_status.st_dev == named.st_dev;
}

// Opens and locks; -1 when the folder went away meanwhile.
int try_lock(const fs::path& folder) {
  std::error_code error;
  fs::create_directory(folder, error);
  if (error) {
    errno = error.value();
    fail_io(folder, "cannot be created");
  }
  const fs::path path = folder / kLock;
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor < 0 && (errno == ENOENT || errno == EINTR)) return -1;
  if (descriptor < 0) fail_io(path, "cannot be created");
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    const bool held = errno == EWOULDBLOCK;
    const int why = errno;
    ::close(descriptor);
    if (held) {
      throw Error(ErrorKind::io, folder.string() + ": is being written by " + holder_of(path) +
                                     "; wait for it or stop it");
    }
    errno = why;
    if (why == EINTR) return -1;
    fail_io(path, "cannot be locked");
  }
  if (is_named(descriptor, path)) return descriptor;
  ::close(descriptor);
  return -1;
}

std::string shortened(const std::string& value) {
  constexpr std::size_t kLongest = 60;
  return value.size() <= kLongest ? value : value.substr(0, kLongest) + "...";
}

const std::string* find(const RunSettings& settings, const std::string& name) {
  for (const auto& [key, value] : settings) {
    if (key == name) return &value;
  }
  return nullptr;
}

// What is told and not compared: a run asked for in other words is the same one.
bool is_remark(const std::string& name) { return name.ends_with("_reason"); }

}  // namespace

RunSettings settings_of(const RunOptions& options) {
  RunSettings settings = {
      {"run.precision", options.precision == StoredPrecision::float16 ? "float16" : "float32"},
      {"run.dim", std::to_string(options.dim)},
      {"run.shard", std::to_string(options.shard)},
      {"run.shards", std::to_string(options.shards)}};
  settings.insert(settings.end(), options.facts.begin(), options.facts.end());
  return settings;
}

RunOptions options_of(const RunSettings& settings) {
  RunOptions options;
  for (const auto& [name, value] : settings) {
    if (name == "run.precision") {
      options.precision =
          value == "float16" ? StoredPrecision::float16 : StoredPrecision::float32;
    } else if (name == "run.dim") {
      options.dim = std::stoull(value);
    } else if (name == "run.shard") {
      options.shard = static_cast<unsigned>(std::stoul(value));
    } else if (name == "run.shards") {
      options.shards = static_cast<unsigned>(std::stoul(value));
    } else {
      options.facts.emplace_back(name, value);
    }
  }
  return options;
}

void check_same_run(const fs::path& path, const RunSettings& there, const RunSettings& here) {
  std::string differences;
  const auto differ = [&](const std::string& name, const std::string* old, const std::string* now) {
    differences += (differences.empty() ? "" : ", ") + name + " is " +
                   (old ? shortened(*old) : "nothing") + " there and " +
                   (now ? shortened(*now) : "nothing") + " here";
  };
  for (const auto& [name, value] : here) {
    if (is_remark(name)) continue;
    const std::string* old = find(there, name);
    if (!old || *old != value) differ(name, old, &value);
  }
  for (const auto& [name, value] : there) {
    if (!is_remark(name) && !find(here, name)) differ(name, &value, nullptr);
  }
  if (differences.empty()) return;
  throw Error(ErrorKind::io, path.string() + ": belongs to another run: " + differences +
                                 "; give it another name, or replace it with --overwrite");
}

fs::path run_folder_path(const fs::path& output, unsigned shard, unsigned shards) {
  fs::path path = output;
  if (shards > 1) path += ".shard-" + std::to_string(shard) + "-of-" + std::to_string(shards);
  return path += ".run";
}

RunFolder::RunFolder(fs::path path) : path_(std::move(path)) {
  while (lock_ < 0) lock_ = try_lock(path_);
  const std::string holder = this_process();
  // Who holds it is for people only: a full disk must not end the run here.
  if (::ftruncate(lock_, 0) == 0) {
    [[maybe_unused]] const ssize_t ignored = ::write(lock_, holder.data(), holder.size());
  }
}

RunFolder::RunFolder(RunFolder&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

RunFolder& RunFolder::operator=(RunFolder&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(lock_, other.lock_);
  return *this;
}

RunFolder::~RunFolder() {
  if (lock_ >= 0) ::close(lock_);
}

std::optional<RunSettings> RunFolder::read_settings() const {
  const fs::path path = path_ / kSettings;
  if (!fs::exists(path)) return std::nullopt;
  const json object = json::parse(read_text(path), nullptr, /*allow_exceptions=*/false);
  RunSettings settings;
  bool sound = object.is_object();
  for (const auto& [name, value] : object.items()) {
    sound = sound && value.is_string();
    if (sound) settings.emplace_back(name, value.get<std::string>());
  }
  if (!sound) {
    throw Error(ErrorKind::io,
                path.string() + ": is damaged; start the run anew with --overwrite");
  }
  return settings;
}

void RunFolder::write_settings(const RunSettings& settings) const {
  json object = json::object();
  for (const auto& [name, value] : settings) object[name] = value;
  AtomicFile file(path_ / kSettings);
  file.write(object.dump(2, ' ', false, json::error_handler_t::replace) + "\n");
  file.commit();
}

JournalContent RunFolder::read_journal() const {
  // One that is there and cannot be read must not pass for an empty one: parts would be removed.
  return fs::exists(journal_path()) ? parse_journal(read_text(journal_path())) : JournalContent{};
}

void RunFolder::remove_strays(const std::vector<ShardRecord>& keep) const {
  std::set<std::string> names = {kLock, kSettings, kJournal};
  for (const ShardRecord& shard : keep) names.insert(shard.file);
  std::error_code error;
  const auto check = [&error](const fs::path& path, const char* action) {
    errno = error.value();
    if (error) fail_io(path, action);
  };
  fs::directory_iterator entry;
  do {
    entry = fs::directory_iterator(path_, error);
  } while (error == std::errc::interrupted);
  check(path_, "cannot be listed");
  while (entry != fs::directory_iterator()) {
    if (!names.contains(entry->path().filename())) {
      fs::remove(entry->path(), error);
      check(entry->path(), "cannot be removed");
    }
    entry.increment(error);
    check(path_, "cannot be listed");
  }
}

void RunFolder::clear() const {
  std::error_code ignored;
  for (const char* name : {kJournal, kSettings}) fs::remove(path_ / name, ignored);
  remove_strays({});
}

void RunFolder::remove() {
  remove_strays({});
  std::error_code ignored;
  for (const char* name : {kSettings, kJournal, kLock}) fs::remove(path_ / name, ignored);
  fs::remove(path_, ignored);
  ::close(std::exchange(lock_, -1));
}

}  // namespace llm2clip
