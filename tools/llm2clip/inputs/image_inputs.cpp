#include "inputs/image_inputs.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <system_error>
#include <utility>

#include "inputs/lines.h"

namespace llm2clip::cli {
namespace {

namespace fs = std::filesystem;

Error none(const PassedOver& passed_over) {
  std::string message = "images: none; give files, folders with -r, --from-file LIST or -";
  if (passed_over.folders.count > 0) {
    message = "images: none; " + passed_over.folders.first + " was passed over, --hidden takes it";
  } else if (passed_over.films.count > 0) {
    message = "images: none; " + passed_over.films.first +
              " is a film, --fps 1 takes a frame of each second";
  }
  return Error(ErrorKind::invalid_argument, message);
}

}  // namespace

ImageInputs::ImageInputs(const ImageFlags& flags, FailureSink& policy,
                         std::shared_ptr<ContainerMemory> memory)
    : flags_(flags), policy_(policy), memory_(std::move(memory)), choice_(flags.archives) {
  for (const std::string& path : flags.paths) {
    std::error_code error;
    if (path == "-") {
      sources_.emplace_back(open_list(path));
    } else if (flags.recursive && fs::is_directory(path, error)) {
      sources_.emplace_back(FolderImages(path, flags.folders, policy));
    } else {
      sources_.emplace_back(NamedFile{path});
    }
  }
  for (const std::string& list : flags.lists) sources_.emplace_back(open_list(list));
  if (total() == std::size_t{0} && policy.failures() == 0) throw none(passed_over());
}

ImageInputs::List ImageInputs::open_list(const std::string& name) {
  if (name == "-") return {"standard input", nullptr};
  std::error_code error;
  if (fs::is_directory(name, error)) {
    throw unreadable(name, "is a folder, a list of paths is expected");
  }
  auto file = std::make_unique<std::ifstream>(name, std::ios::binary);
  if (!*file) throw unreadable(name, "the list cannot be opened");
  return {name, std::move(file)};
}

std::optional<std::size_t> ImageInputs::total() const {
  std::size_t count = 0;
  for (const Source& source : sources_) {
    const auto* file = std::get_if<NamedFile>(&source);
    const auto* folder = std::get_if<FolderImages>(&source);
    if (folder == nullptr &&
        (file == nullptr || has_tar_ending(file->path) || is_film(file->path))) {
      return std::nullopt;
    }
    if (folder != nullptr && folder->films() > 0) return std::nullopt;
    count += folder == nullptr ? 1 : folder->count();
  }
  return count;
}

PassedOver ImageInputs::passed_over() const {
  PassedOver all;
  for (const Source& source : sources_) {
    const auto* folder = std::get_if<FolderImages>(&source);
    if (folder == nullptr) continue;
    all.folders.add(folder->passed_over().folders);
    all.films.add(folder->passed_over().films);
  }
  return all;
}

bool ImageInputs::is_film(const std::string& path) const {
  return flags_.film_step > 0 && has_film_ending(path);
}

std::optional<ListedImage> ImageInputs::next() {
  while (true) {
    if (std::optional<ListedImage> input = next_inside()) {
      any_ = true;
      return input;
    }
    std::optional<std::string> path = next_path();
    if (!path) {
      if (!any_ && policy_.failures() == 0) throw none(passed_over());
      return std::nullopt;
    }
    if (!choice_.takes(*path)) {
      any_ = true;
    } else if (is_film(*path) || has_tar_ending(*path)) {
      open_container(*path);
    } else {
      any_ = true;
      return ListedImage{.id = std::move(*path)};
    }
  }
}

void ImageInputs::open_container(const std::string& path) {
  FileState state = state_of(path);
  // Which frames there are depends on more than the file.
  if (is_film(path) && !state.identity.empty())
    state.identity += "@" + std::to_string(flags_.film_step);
  reading_.emplace(memory_.get(), path, std::move(state));
  failures_before_ = policy_.failures();
  if (reading_->is_known()) {
    any_ = true;
  } else if (is_film(path)) {
    film_.emplace(path, flags_.film_step, flags_.read, policy_);
  } else {
    archive_.emplace(path,
                     MemberChoice{has_image_ending, "the ending of an image",
                                  flags_.read.max_file_bytes, "; raise it with --max-file-bytes"},
                     policy_);
  }
}

void ImageInputs::end_container() {
  archive_.reset();
  film_.reset();
  if (policy_.failures() == failures_before_) reading_->end();
}

// Of the archive or film that is being read.
std::optional<ListedImage> ImageInputs::next_inside() {
  if (archive_) {
    if (std::optional<MemberInput> member = archive_->next()) {
      reading_->count();
      return ListedImage{.id = std::move(member->id), .content = std::move(member->content)};
    }
    end_container();
  }
  if (film_) {
    if (std::optional<FrameInput> frame = film_->next()) {
      reading_->count();
      return ListedImage{.id = std::move(frame->id),
                         .content = std::move(frame->image),
                         .identity = std::move(frame->identity),
                         .stamp = std::move(frame->stamp)};
    }
    end_container();
  }
  return std::nullopt;
}

std::optional<std::string> ImageInputs::next_path() {
  for (; source_ < sources_.size(); ++source_) {
    std::optional<std::string> path =
        std::visit([this](auto& source) { return next_of(source); }, sources_[source_]);
    if (path) return path;
  }
  return std::nullopt;
}

// The path once, then nothing: an empty argument is an input, too, that cannot be opened.
std::optional<std::string> ImageInputs::next_of(NamedFile& file) {
  if (file.used) return std::nullopt;
  file.used = true;
  return file.path;
}

std::optional<std::string> ImageInputs::next_of(List& list) {
  std::istream& lines = list.file ? *list.file : std::cin;
  const char end = flags_.null_separated ? '\0' : '\n';
  std::string path;
  while (true) {
    const Line line = list.lines == 0 ? first_line(lines, end, kMaxPathBytes, path)
                                      : next_line(lines, end, kMaxPathBytes, path);
    if (lines.bad()) throw unreadable(list.name, "the list cannot be read to its end");
    if (line == Line::none) return std::nullopt;
    ++list.lines;
    if (line == Line::too_long) {
      const std::string place = list.name + ":" + std::to_string(list.lines);
      policy_.failed(
          place, unreadable(place, "is no path, it has more than " + std::to_string(kMaxPathBytes) +
                                       " bytes; -0 is for lists whose paths end in NUL"));
      continue;
    }
    if (!flags_.null_separated && path.ends_with('\r')) path.pop_back();
    if (!path.empty()) return path;
  }
}

}  // namespace llm2clip::cli
