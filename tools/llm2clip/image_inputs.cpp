#include "image_inputs.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string_view>
#include <system_error>

namespace llm2clip::cli {
namespace {

namespace fs = std::filesystem;

// Large pictures close a block early: 16 of the largest allowed would take 4 GB.
constexpr std::size_t kBlockBytes = 256u << 20;

bool has_image_ending(const fs::path& path) {
  constexpr std::array<std::string_view, 10> kEndings = {".jpg",  ".jpeg", ".jpe", ".jfif", ".png",
                                                         ".webp", ".bmp",  ".tif", ".tiff", ".gif"};
  std::string ending = path.extension().string();
  for (char& c : ending) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return std::find(kEndings.begin(), kEndings.end(), ending) != kEndings.end();
}

Error unreadable(const std::string& path, const std::string& message) {
  return Error(ErrorKind::unreadable_input, path + ": " + message);
}

// Adds the pictures of one folder to `images` and its folders to `folders`.
void list_folder(const fs::path& folder, std::vector<std::string>& images,
                 std::vector<fs::path>& folders, InputPolicy& policy) {
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    std::error_code gone;  // between listing and looking: not there
    if (entry->symlink_status(gone).type() == fs::file_type::directory) {
      folders.push_back(entry->path());
    } else if (has_image_ending(entry->path()) && entry->is_regular_file(gone)) {
      images.push_back(entry->path().string());
    }
  }
  if (error) policy.failed(unreadable(folder.string(), "cannot be listed: " + error.message()));
}

std::vector<std::string> list_tree(const std::string& root, InputPolicy& policy) {
  std::vector<std::string> images;
  std::vector<fs::path> folders = {root};
  while (!folders.empty()) {
    const fs::path folder = folders.back();
    folders.pop_back();
    list_folder(folder, images, folders, policy);
  }
  std::sort(images.begin(), images.end());
  return images;
}

void read_list(std::istream& lines, const std::string& name, bool null_separated,
               std::vector<std::string>& paths) {
  std::string line;
  while (std::getline(lines, line, null_separated ? '\0' : '\n')) {
    if (!null_separated && line.ends_with('\r')) line.pop_back();
    if (!line.empty()) paths.push_back(line);
  }
  if (lines.bad()) throw unreadable(name, "the list cannot be read to its end");
}

void read_list(const std::string& name, bool null_separated, std::vector<std::string>& paths) {
  if (name == "-") return read_list(std::cin, "standard input", null_separated, paths);
  if (fs::is_directory(name)) throw unreadable(name, "is a folder, a list of paths is expected");
  std::ifstream file(name, std::ios::binary);
  if (!file) throw unreadable(name, "the list cannot be opened");
  read_list(file, name, null_separated, paths);
}

}  // namespace

std::vector<std::string> list_images(const ImageFlags& flags, InputPolicy& policy) {
  std::vector<std::string> paths;
  for (const std::string& path : flags.paths) {
    std::error_code error;
    if (path == "-") {
      read_list("-", flags.null_separated, paths);
    } else if (flags.recursive && fs::is_directory(path, error)) {
      const std::vector<std::string> images = list_tree(path, policy);
      paths.insert(paths.end(), images.begin(), images.end());
    } else {
      paths.push_back(path);
    }
  }
  for (const std::string& list : flags.lists) read_list(list, flags.null_separated, paths);
  if (paths.empty() && policy.failures() == 0) {
    throw Error(ErrorKind::invalid_argument,
                "images: none; give files, folders with -r, --from-file LIST or -");
  }
  return paths;
}

Image read_input(const std::string& path, const ReadOptions& options) {
  std::error_code error;
  if (fs::is_directory(path, error)) {
    throw unreadable(path, "is a folder; -r takes the images in it");
  }
  return read_image(path, options);
}

bool ImageBlocks::next() {
  ids_.clear();
  images_.clear();
  if (done_ == paths_.size()) return false;
  std::size_t bytes = 0;
  while (done_ < paths_.size() && images_.size() < batch_size_ && bytes < kBlockBytes) {
    const std::string& path = paths_[done_++];
    try {
      images_.push_back(read_input(path, options_));
      ids_.push_back(path);
      bytes += images_.back().pixels.size();
    } catch (const Error& error) {
      policy_.failed(error);
    }
  }
  return true;
}

}  // namespace llm2clip::cli
