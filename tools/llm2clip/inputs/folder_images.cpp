#include "inputs/folder_images.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <set>
#include <system_error>
#include <utility>

#include "inputs/film_inputs.h"

namespace llm2clip::cli {
namespace {

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

enum class Kind { file, folder, other };

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return lower;
}

Kind kind_of(const struct stat& status) {
  if (S_ISREG(status.st_mode)) return Kind::file;
  return S_ISDIR(status.st_mode) ? Kind::folder : Kind::other;
}

// The images, films and folders of one folder in the order of the walk. Names lie in one string,
// because a folder may hold a million.
class Listing {
 public:
  /// Throws Error(unreadable_input).
  Listing(const std::string& path, const FolderFlags& flags) : flags_(flags) {
    const std::unique_ptr<DIR, CloseFolder> folder(::opendir(path.c_str()));
    if (folder == nullptr) throw unlistable(path);
    errno = 0;
    while (const dirent* entry = ::readdir(folder.get())) {
      add(::dirfd(folder.get()), *entry);
      errno = 0;
    }
    if (errno != 0) throw unlistable(path);
    // A folder's slash stands in its name: so the order is that of whole paths.
    std::sort(starts_.begin(), starts_.end(), [this](std::size_t a, std::size_t b) {
      return std::strcmp(&names_[a], &names_[b]) < 0;
    });
  }

  /// Names one after the other; those of folders end in a slash. Empty: that was the last.
  std::string_view next() { return at_ == starts_.size() ? "" : &names_[starts_[at_++]]; }

  /// Names, not paths.
  const PassedOver& passed_over() const { return passed_over_; }

 private:
  static Error unlistable(const std::string& path) {
    return Error(ErrorKind::unreadable_input,
                 path + ": cannot be listed: " + std::generic_category().message(errno));
  }

  void add(int folder, const dirent& entry) {
    const std::string_view name = entry.d_name;
    if (name == "." || name == "..") return;
    const bool film = has_film_ending(name) && !is_apple_double(name);
    const bool input = film || (has_image_ending(name) && !is_apple_double(name));
    const bool may_be_folder =
        entry.d_type == DT_DIR || entry.d_type == DT_UNKNOWN || entry.d_type == DT_LNK;
    if (!input && !may_be_folder) return;
    const Kind kind = look(folder, entry);
    if (kind == Kind::other || (kind == Kind::file && !input)) return;
    if (kind == Kind::folder && !flags_.hidden && is_systems_folder(name)) {
      passed_over_.folders.add({1, std::string(name)});
      return;
    }
    if (kind == Kind::file && film && !flags_.films) {
      passed_over_.films.add({1, std::string(name)});
      return;
    }
    starts_.push_back(names_.size());
    names_.append(name);
    if (kind == Kind::folder) names_ += '/';
    names_ += '\0';
  }

  // What has gone since it was listed is of no kind.
  Kind look(int folder, const dirent& entry) const {
    if (entry.d_type == DT_REG) return Kind::file;
    if (entry.d_type == DT_DIR) return Kind::folder;
    if (entry.d_type != DT_LNK && entry.d_type != DT_UNKNOWN) return Kind::other;
    struct stat status{};
    if (::fstatat(folder, entry.d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) return Kind::other;
    if (!S_ISLNK(status.st_mode)) return kind_of(status);
    if (::fstatat(folder, entry.d_name, &status, 0) != 0) return Kind::other;
    const Kind kind = kind_of(status);
    return kind == Kind::folder && !flags_.follow_links ? Kind::other : kind;
  }

  FolderFlags flags_;
  PassedOver passed_over_;
  std::string names_;                // each ended by NUL
  std::vector<std::size_t> starts_;  // in names_
  std::size_t at_ = 0;
};

}  // namespace

bool has_ending(std::string_view name, std::initializer_list<std::string_view> endings) {
  name.remove_prefix(name.rfind('/') + 1);  // npos + 1 is 0
  const std::size_t dot = name.rfind('.');
  if (dot == name.npos || dot == 0) return false;
  return std::find(endings.begin(), endings.end(), lower_case(name.substr(dot))) != endings.end();
}

bool has_image_ending(std::string_view name) {
  return has_ending(
      name, {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"});
}

bool is_apple_double(std::string_view name) {
  name.remove_prefix(name.rfind('/') + 1);
  return name.starts_with("._");
}

bool is_systems_folder(std::string_view name) {
  // Of Synology and QNAP stations, Windows, Linux, and macOS in archives that were unpacked.
  constexpr std::array<std::string_view, 10> kNames = {"@eadir",
                                                       "#recycle",
                                                       "#snapshot",
                                                       "@recycle",
                                                       "@recently-snapshot",
                                                       "$recycle.bin",
                                                       "recycler",
                                                       "system volume information",
                                                       "lost+found",
                                                       "__macosx"};
  return name.starts_with('.') ||
         std::find(kNames.begin(), kNames.end(), lower_case(name)) != kNames.end();
}

// Without recursion, because a tree may be deeper than the stack.
class FolderImages::Walk {
 public:
  Walk(FolderImages& images, const FolderFlags& flags, FailureSink& policy)
      : images_(images), flags_(flags), policy_(policy) {}

  void run(const std::string& folder) {
    path_ = folder;
    enter("");
    while (!open_.empty()) {
      const std::string name(open_.back().names.next());
      if (name.empty()) {
        leave();
      } else if (name.ends_with('/')) {
        enter(name);
      } else {
        step('f', name);
        ++images_.count_;
        images_.films_ += has_film_ending(name);
      }
    }
  }

 private:
  struct Open {
    Listing names;
    std::size_t parent_length;  // of path_ without this folder
  };

  void step(char kind, std::string_view name) {
    images_.steps_ += kind;
    images_.steps_ += name;
    images_.steps_ += '\0';
  }

  void enter(const std::string& name) {
    const std::size_t parent_length = path_.size();
    path_ += name;
    try {
      if (!is_new()) {
        path_.resize(parent_length);
        return;
      }
      open_.push_back({Listing(without_slash(), flags_), parent_length});
      if (!path_.ends_with('/')) path_ += '/';
      step('d', name);
      count_passed_over(open_.back().names.passed_over());
    } catch (const Error& error) {
      const std::string id = without_slash();
      path_.resize(parent_length);
      policy_.failed(id, error);
    }
  }

  void count_passed_over(const PassedOver& here) {
    images_.passed_over_.folders.add(here.folders, path_);
    images_.passed_over_.films.add(here.films, path_);
  }

  void leave() {
    path_.resize(open_.back().parent_length);
    open_.pop_back();
    step('u', "");
  }

  // A folder that was entered before by another way is not new. Without links there is one way.
  bool is_new() {
    struct stat status{};
    if (!flags_.follow_links || ::stat(path_.c_str(), &status) != 0) return true;
    return visited_.emplace(status.st_dev, status.st_ino).second;
  }

  // As a person would write it in a message.
  std::string without_slash() const {
    const bool slash = path_.size() > 1 && path_.ends_with('/') && !open_.empty();
    return slash ? path_.substr(0, path_.size() - 1) : path_;
  }

  FolderImages& images_;
  FolderFlags flags_;
  FailureSink& policy_;
  std::string path_;
  std::vector<Open> open_;
  std::set<std::pair<dev_t, ino_t>> visited_;
};

FolderImages::FolderImages(const std::string& folder, const FolderFlags& flags,
                           FailureSink& policy) {
  Walk(*this, flags, policy).run(folder);
  steps_.shrink_to_fit();
  path_ = folder;
  if (!path_.ends_with('/')) path_ += '/';
}

std::optional<std::string> FolderImages::next() {
  while (at_ < steps_.size()) {
    const char kind = steps_[at_];
    const std::string_view name = &steps_[at_ + 1];
    at_ += name.size() + 2;
    if (kind == 'f') return path_ + std::string(name);
    if (kind == 'd') {
      lengths_.push_back(path_.size());
      path_ += name;
    } else {
      path_.resize(lengths_.back());
      lengths_.pop_back();
    }
  }
  steps_ = {};
  at_ = 0;
  return std::nullopt;
}

}  // namespace llm2clip::cli
