#include "inputs/file_uses.h"

#include <sys/stat.h>

#include <algorithm>
#include <fstream>

#include "inputs/folder_images.h"
#include "inputs/image_inputs.h"
#include "inputs/lines.h"
#include "llm2clip/detail/command_line.h"
#include "llm2clip/embeddings_file.h"
#include "llm2clip/run.h"

namespace llm2clip::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kStandardOutput = "/dev/stdout";

[[noreturn]] void refuse(const std::string& flag, const fs::path& path, const std::string& why) {
  throw Error(ErrorKind::invalid_argument,
              path.string() + ": " + flag + " would write " + why + "; give another name");
}

// Devices and pipes may be read and written at once.
bool is_file(const struct stat& status) { return S_ISREG(status.st_mode); }

bool is_in(const fs::path& path, const fs::path& folder) {
  const auto [end, rest] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  static_cast<void>(rest);
  return end == folder.end();
}

// Absolute, without links and dots; what is not there is resolved as far as it is.
fs::path resolved(const fs::path& path) {
  std::error_code error;
  fs::path whole;
  try {
    whole = fs::absolute(detail::output_target(path), error);
  } catch (const Error&) {  // links in a circle: told when it is opened
    return fs::absolute(path, error);
  }
  const fs::path plain = fs::weakly_canonical(whole, error);
  return error ? whole.lexically_normal() : plain;
}

// A folder that cannot be listed is told when it is read.
class Unheard final : public FailureSink {
 public:
  void failed(const std::string&, const Error&) override {}
};

std::string system_name(const std::string& path) { return path == "-" ? "/dev/stdin" : path; }

}  // namespace

void FileUses::add(Output output) {
  struct stat status{};
  if (::stat(output.given.c_str(), &status) == 0 && !output.folder) {
    if (!is_file(status)) return;
    output.inode.emplace(status.st_dev, status.st_ino);
  }
  output.path = resolved(output.given);
  for (const Output& other : outputs_) {
    const bool same =
        other.path == output.path || (!output.inode.empty() && other.inode == output.inode);
    const bool inside = (other.folder && is_in(output.path, other.path)) ||
                        (output.folder && is_in(other.path, output.path));
    if (same || inside) {
      refuse(output.flag, output.given,
             "over what " + other.flag + " writes, " + other.given.string());
    }
  }
  outputs_.push_back(std::move(output));
}

void FileUses::writes(const std::string& flag, const fs::path& path) {
  if (!path.empty()) add({flag, path, {}, {}, false});
}

void FileUses::writes_run(const std::string& flag, const fs::path& output, const ShardOf& shard) {
  if (output.empty()) return;
  writes(flag, output);
  const RunFiles files = Run::files(output, shard.index, shard.count);
  for (const fs::path& path : files.beside) writes(flag, path);
  add({flag, files.folder, {}, {}, true});
}

void FileUses::writes_standard_output() {
  struct stat status{};
  if (::stat(kStandardOutput, &status) != 0 || !is_file(status)) return;
  add({"standard output", kStandardOutput, {}, {}, false});
}

void FileUses::reads(const std::string& flag, const std::string& path) const {
  if (path.empty()) return;
  const std::string name = system_name(path);
  struct stat status{};
  const bool there = ::stat(name.c_str(), &status) == 0;
  if (there && !is_file(status)) return;
  for (const Output& output : outputs_) {
    const bool same = there ? output.inode.contains({status.st_dev, status.st_ino})
                            : output.path == resolved(name);
    if (same) refuse(output.flag, output.given, "over " + flag + " " + path);
  }
}

void FileUses::reads_folder(const std::string& what, const std::string& path) const {
  const fs::path folder = resolved(path);
  for (const Output& output : outputs_) {
    const bool redirected = output.given == kStandardOutput;  // a new file, which harms no model
    if (!redirected && is_in(output.path, folder))
      refuse(output.flag, output.given, "into " + what + " " + path);
  }
  if (!any_is_there()) return;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    reads(what, entry->path().string());
  }
}

void FileUses::reads_images(const ImageFlags& flags) const {
  for (const std::string& path : flags.paths) {
    std::error_code error;
    if (path == "-") {
      reads("the list on standard input", path);
      look_into_list(path, flags.null_separated);
    } else if (!flags.recursive || !fs::is_directory(path, error)) {
      reads("the input", path);
    } else if (any_is_there()) {
      Unheard unheard;
      FolderImages images(path, flags.folders, unheard);
      while (const std::optional<std::string> image = images.next()) reads("the input", *image);
    }
  }
  for (const std::string& list : flags.lists) {
    reads("--from-file", list);
    look_into_list(list, flags.null_separated);
  }
}

void FileUses::reads_texts(const TextFlags& flags) const {
  for (const std::string& file : flags.files) reads("-f", file);
}

bool FileUses::any_is_there() const {
  return std::any_of(outputs_.begin(), outputs_.end(),
                     [](const Output& output) { return !output.inode.empty(); });
}

// A list that comes through a pipe can be read once, and is not known beforehand.
void FileUses::look_into_list(const std::string& list, bool null_separated) const {
  const std::string name = system_name(list);
  struct stat status{};
  if (!any_is_there() || ::stat(name.c_str(), &status) != 0 || !is_file(status)) return;
  std::ifstream lines(name, std::ios::binary);
  const char end = null_separated ? '\0' : '\n';
  std::string path;
  Line line = first_line(lines, end, kMaxPathBytes, path);
  for (; line != Line::none; line = next_line(lines, end, kMaxPathBytes, path)) {
    if (!null_separated && path.ends_with('\r')) path.pop_back();
    if (line == Line::read) reads("the input", path == "-" ? "./-" : path);  // a name in a list
  }
}

}  // namespace llm2clip::cli
