#pragma once

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "flags/args.h"
#include "inputs/containers.h"
#include "inputs/film_inputs.h"
#include "inputs/folder_images.h"
#include "inputs/input_policy.h"
#include "inputs/tar_inputs.h"

namespace llm2clip::cli {

inline constexpr std::size_t kMaxPathBytes = 64u << 10;  // no system opens a longer one

struct ListedImage {
  std::string id;  // the path as it was given, "shard.tar/000017.jpg" or "film.mp4#t=12.0"
  /// The bytes of an archive's member, or a frame; empty: the file named `id` is to be read.
  std::variant<std::monostate, std::vector<std::uint8_t>, Image> content = {};
  std::string identity = {};  // of llm2clip::ImageInput
  std::string stamp = {};
};

/// The images that the flags name, one after the other and in the same order on every run:
/// arguments as given, then the lists. A folder stands for the images in it, sorted by the bytes of
/// their paths; an archive (has_tar_ending) for its members with image endings; a film
/// (has_film_ending), where the flags say how often, for frames of it.
///
/// Folders are listed when the object is made, so that a folder that changes meanwhile changes
/// nothing. Lists, standard input and archives are read as they are needed, and kept by nobody.
class ImageInputs {
 public:
  /// Archives and films that `memory` knows are passed over. Throws Error(invalid_argument) when
  /// the flags name no images, Error(unreadable_input) for a list that cannot be opened. `flags`
  /// must outlive the object.
  ImageInputs(const ImageFlags& flags, FailureSink& policy,
              std::shared_ptr<ContainerMemory> memory = nullptr);

  /// Throws Error(unreadable_input) for a list that cannot be read to its end, and
  /// Error(invalid_argument) at the end of lists that name nothing.
  std::optional<ListedImage> next();

  /// How many next() gives in all, for the progress line. Not known with lists, archives or films.
  std::optional<std::size_t> total() const;

  /// What was passed over in folders.
  PassedOver passed_over() const;

 private:
  struct NamedFile {  // an image or an archive
    std::string path;
    bool used = false;
  };
  struct List {
    std::string name;
    std::unique_ptr<std::ifstream> file;  // none: standard input
    std::size_t lines = 0;
  };
  using Source = std::variant<NamedFile, FolderImages, List>;

  static List open_list(const std::string& name);
  bool is_film(const std::string& path) const;
  void open_container(const std::string& path);
  void end_container();
  std::optional<ListedImage> next_inside();
  std::optional<std::string> next_path();
  std::optional<std::string> next_of(NamedFile& file);
  std::optional<std::string> next_of(FolderImages& images) { return images.next(); }
  std::optional<std::string> next_of(List& list);

  const ImageFlags& flags_;
  FailureSink& policy_;
  std::shared_ptr<ContainerMemory> memory_;
  std::vector<Source> sources_;
  std::size_t source_ = 0;
  std::optional<TarInputs> archive_;  // the one that is being read
  std::optional<FilmInputs> film_;    // the same
  ArchiveChoice choice_;
  // Of either: what is told when it ends, and the failures before it.
  std::optional<ContainerReading> reading_;
  std::size_t failures_before_ = 0;
  bool any_ = false;
};

}  // namespace llm2clip::cli
