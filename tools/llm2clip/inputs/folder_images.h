#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "flags/args.h"
#include "inputs/input_policy.h"

namespace llm2clip::cli {

/// Whether a name ends as those of images do: .jpg .jpeg .jpe .jfif .png .webp .bmp .tif .tiff .gif
/// in any case.
bool has_image_ending(std::string_view name);

/// Whether a name has one of these endings, which are small letters, in any case, behind something.
bool has_ending(std::string_view name, std::initializer_list<std::string_view> endings);

/// Whether macOS keeps in it what else it knows of a file: "._photo.jpg" beside photo.jpg, where a
/// file system or an archive has no place for that (AppleDouble). No image, whatever its ending.
bool is_apple_double(std::string_view name);

/// Whether a folder's name says that nobody's images are in it: hidden folders (.thumbnails, .git),
/// and what systems and disk stations keep in every tree (@eaDir, System Volume Information,
/// $RECYCLE.BIN, lost+found, __MACOSX).
bool is_systems_folder(std::string_view name);

/// So many of a kind, and the path of one of them.
struct Counted {
  std::size_t count = 0;
  std::string first = {};

  void add(const Counted& more, const std::string& folder = "") {
    if (count == 0 && more.count > 0) first = folder + more.first;
    count += more.count;
  }
};

/// What was passed over.
struct PassedOver {
  Counted folders;  // of systems
  Counted films;    // where the flags do not ask for their frames
};

/// The images, and films where the flags say so, in a folder and its folders, as they were when the
/// object was made, sorted by the bytes of their paths.
///
/// Memory: the names, each once, and two bytes for each; a million files of 20 bytes take 22 MB.
class FolderImages {
 public:
  /// AppleDouble files are passed over, and folders of systems (is_systems_folder) unless the flags
  /// say `hidden`; `folder` itself is entered whatever its name. Links to files are taken. Links to
  /// folders only with `follow_links`; then every folder is entered once, however many ways lead to
  /// it. A folder that cannot be listed is a failed input.
  FolderImages(const std::string& folder, const FolderFlags& flags, FailureSink& policy);

  std::size_t count() const { return count_; }
  /// How many of them are films.
  std::size_t films() const { return films_; }
  const PassedOver& passed_over() const { return passed_over_; }
  /// Paths that begin with the folder as it was given.
  std::optional<std::string> next();

 private:
  class Walk;

  // The walk as a text: 'f' name, 'd' name to enter a folder, 'u' to leave it, each ended by NUL,
  // which no name holds.
  std::string steps_;
  std::size_t count_ = 0;
  std::size_t films_ = 0;
  PassedOver passed_over_;
  std::size_t at_ = 0;
  std::string path_;                  // of the folder that next() is in, with its slash
  std::vector<std::size_t> lengths_;  // of path_ in the folders above
};

}  // namespace llm2clip::cli
