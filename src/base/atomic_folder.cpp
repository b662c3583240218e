#include "base/atomic_folder.h"

#include <fcntl.h>
#include <stdio.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "base/file_calls.h"

namespace llm2clip {
namespace {

namespace fs = std::filesystem;

// False with errno set.
bool rename_folder(const fs::path& from, const fs::path& to, unsigned flags) {
  return ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags) == 0;
}

}  // namespace

AtomicFolder::AtomicFolder(fs::path path, const fs::path& workplace)
    : path_(std::move(path)), temporary_(workplace / temporary_name()) {
  std::error_code error;
  fs::create_directory(temporary_, error);
  if (!error) return;
  errno = error.value();
  fail_io(path_, "cannot be created");
}

AtomicFolder::~AtomicFolder() {
  std::error_code ignored;
  fs::remove_all(temporary_, ignored);
}

void AtomicFolder::commit() {
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(temporary_)) {
    if (entry.is_directory()) sync_folder(entry.path());
  }
  sync_folder(temporary_);
  take_its_place();
  sync_folder(folder_of(path_));
}

// What was there before is under the temporary name then, and goes with it.
void AtomicFolder::take_its_place() {
  if (!fs::exists(path_)) {
    if (rename_folder(temporary_, path_, 0)) return;
    fail_io(path_, "cannot be put in place");
  }
  if (rename_folder(temporary_, path_, RENAME_EXCHANGE)) return;
  const fs::path old = folder_of(temporary_) / temporary_name();
  if (!rename_folder(path_, old, 0) || !rename_folder(temporary_, path_, 0)) {
    fail_io(path_, "cannot be put in place");
  }
  temporary_ = old;
}

}  // namespace llm2clip
