#include "store/run/run_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/file_calls.h"
#include "llm2clip/error.h"

namespace llm2clip {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::ordered_json;

constexpr std::size_t kTokenDigits = 32;

// Empty when it cannot be read.
std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string host_name() {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return host.data();
}

std::string in_words(long process, const std::string& host) {
  return "process " + std::to_string(process) + " on " + host;
}

// Which numbering of processes those of this one are in: containers have their own.
std::string numbering() {
  std::error_code error;
  const fs::path name_space = fs::read_symlink("/proc/self/ns/pid", error);
  return content_of("/proc/sys/kernel/random/boot_id") + name_space.string();
}

// The clock tick that the process was started at; empty when there is none of that number.
std::string start_of(long process) {
  const std::string status = content_of("/proc/" + std::to_string(process) + "/stat");
  std::size_t at = status.rfind(')');  // the name before may hold anything
  if (at == status.npos) return {};
  constexpr int kFieldsBetween = 20;  // starttime is field 22, ")" ends field 2
  for (int field = 0; field < kFieldsBetween && at != status.npos; ++field) {
    at = status.find(' ', at + 1);
  }
  return at == status.npos ? std::string()
                           : status.substr(at + 1, status.find(' ', at + 1) - at - 1);
}

// What the file `owner` says.
struct Owner {
  long process = 0;
  std::string host;
  std::string numbering;
  std::string start;
  std::string token;
};

Owner this_process() {
  const long process = ::getpid();
  return {process, host_name(), numbering(), start_of(process), random_digits(kTokenDigits)};
}

std::string text_of(const Owner& owner) {
  const json object = {{"process", owner.process},
                       {"host", owner.host},
                       {"numbering", owner.numbering},
                       {"start", owner.start},
                       {"token", owner.token}};
  return object.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

std::optional<Owner> read_owner(const fs::path& path) {
  try {
    const json object = json::parse(content_of(path));
    return Owner{object.at("process"), object.at("host"), object.at("numbering"),
                 object.at("start"), object.at("token")};
  } catch (const json::exception&) {  // gone, half written, or damaged
    return std::nullopt;
  }
}

bool has_certainly_ended(const Owner& owner) {
  const bool ours = owner.host == host_name() && owner.numbering == numbering();
  if (!ours || owner.process <= 0) return false;
  if (::kill(static_cast<pid_t>(owner.process), 0) != 0) return errno == ESRCH;
  // The number may have been given to another process.
  const std::string start = start_of(owner.process);
  return !start.empty() && !owner.start.empty() && start != owner.start;
}

// Whether the name still leads to the file that is open: its last holder may have removed it
// between our opening and our locking.
bool is_named(int descriptor, const fs::path& path) {
  struct stat open_file_status{};
  struct stat named{};
  return ::fstat(descriptor, &open_file_status) == 0 && ::stat(path.c_str(), &named) == 0 &&
         open_file_status.st_ino == named.st_ino && open_file_status.st_dev == named.st_dev;
}

void create_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directory(folder, error);
  if (!error) return;
  errno = error.value();
  fail_io(folder, "cannot be created");
}

enum class Locking { held, none, again };  // none: the file system has no locks

// Locks the open file, and closes it unless it is held.
Locking lock(int descriptor, const fs::path& folder, const fs::path& path) {
  if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) {
    if (is_named(descriptor, path)) return Locking::held;
    ::close(descriptor);
    return Locking::again;
  }
  const int why = errno;
  ::close(descriptor);
  if (why == EWOULDBLOCK) {
    throw Error(ErrorKind::io, folder.string() + ": is being written by " + content_of(path) +
                                   "; wait for it or stop it");
  }
  if (why == ENOLCK || why == ENOSYS || why == EOPNOTSUPP) return Locking::none;
  if (why == EINTR) return Locking::again;
  errno = why;
  fail_io(path, "cannot be locked");
}

// Opens and locks; `descriptor` is that of a lock that is held.
Locking try_lock(const fs::path& folder, int& descriptor) {
  create_folder(folder);
  const fs::path path = folder / RunLock::kFile;
  const int opened = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (opened < 0 && (errno == ENOENT || errno == EINTR)) return Locking::again;
  if (opened < 0) fail_io(path, "cannot be created");
  const Locking result = lock(opened, folder, path);
  if (result == Locking::held) descriptor = opened;
  return result;
}

// Removes the file of an owner that has certainly ended; throws for any other. Where two processes
// do it at once, the first notices before its next commit.
void remove_if_ended(const fs::path& path) {
  const std::optional<Owner> owner = read_owner(path);
  if (owner && has_certainly_ended(*owner)) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) fail_io(path, "cannot be removed");
    return;
  }
  std::error_code error;
  if (!owner && !fs::exists(path, error)) return;
  const std::string holder =
      owner ? in_words(owner->process, owner->host) : "a process that is not named";
  throw Error(ErrorKind::io, path.parent_path().string() + ": is being written by " + holder +
                                 "; wait for it or stop it; if it has ended, remove " +
                                 path.string());
}

}  // namespace

RunLock::RunLock(fs::path folder) : folder_(std::move(folder)) {
  Locking result = Locking::again;
  while (result == Locking::again) result = try_lock(folder_, descriptor_);
  if (result == Locking::none) {
    take_ownership();
    return;
  }
  const std::string holder = in_words(::getpid(), host_name());
  // Who holds it is for people only: a full disk must not end the run here.
  if (::ftruncate(descriptor_, 0) == 0) {
    [[maybe_unused]] const ssize_t ignored = ::write(descriptor_, holder.data(), holder.size());
  }
}

void RunLock::take_ownership() {
  const fs::path path = folder_ / kOwner;
  const Owner own = this_process();
  int descriptor = -1;
  while ((descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666)) < 0) {
    if (errno == EINTR) continue;
    if (errno == ENOENT) {  // its last owner removed the folder
      create_folder(folder_);
    } else if (errno == EEXIST) {
      remove_if_ended(path);
    } else {
      fail_io(path, "cannot be created");
    }
  }
  try {
    const std::string text = text_of(own);
    write_all(descriptor, std::as_bytes(std::span(text)), path);
    sync_file(descriptor, path);
  } catch (const Error&) {
    ::close(descriptor);
    ::unlink(path.c_str());
    throw;
  }
  ::close(descriptor);
  token_ = own.token;
}

RunLock::RunLock(RunLock&& other) noexcept
    : folder_(std::move(other.folder_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      token_(std::exchange(other.token_, {})) {}

RunLock& RunLock::operator=(RunLock&& other) noexcept {
  std::swap(folder_, other.folder_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(token_, other.token_);
  return *this;
}

RunLock::~RunLock() { release(); }

std::string RunLock::warning() const {
  if (token_.empty()) return {};
  return folder_.string() +
         ": this file system has no locks (flock); a second process that writes the same output is "
         "noticed by the file " +
         kOwner + " alone, so do not start two";
}

void RunLock::check() const {
  if (token_.empty()) return;
  const std::optional<Owner> owner = read_owner(folder_ / kOwner);
  if (owner && owner->token == token_) return;
  throw Error(ErrorKind::io,
              folder_.string() + ": was taken by " +
                  (owner ? in_words(owner->process, owner->host) : "another process") +
                  " while this one was writing it; what was committed before stays");
}

void RunLock::release() {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  if (token_.empty()) return;
  const std::optional<Owner> owner = read_owner(folder_ / kOwner);
  if (owner && owner->token == token_) ::unlink((folder_ / kOwner).c_str());
  token_.clear();
}

void RunLock::remove_folder() {
  std::error_code ignored;
  for (const char* name : {kFile, kOwner}) fs::remove(folder_ / name, ignored);
  fs::remove(folder_, ignored);
  release();
}

}  // namespace llm2clip
