#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "inputs/containers.h"
#include "inputs/input_policy.h"
#include "llm2clip/film.h"
#include "llm2clip/image.h"

namespace llm2clip::cli {

/// Whether a name ends as those of films do: .mp4 .mov .mkv .webm .avi, in any case.
bool has_film_ending(std::string_view name);

/// The id of a frame: "film.mp4#t=12.0", as a browser takes it, too. Seconds have as many decimals
/// as they need, one to three.
std::string frame_id(const std::string& film, double seconds);

struct FrameInput {
  std::string id;
  Image image;
  std::string identity;  // with the id: the film's size
  std::string stamp;     // its time
};

/// The frames of a film that are shown 0, `every`, 2 `every` … seconds after its first one.
/// Whatever is wrong with the film is the failure of one input, the film's; frames before it stand.
class FilmInputs {
 public:
  FilmInputs(const std::string& path, double every, const ReadOptions& options,
             FailureSink& policy);

  std::optional<FrameInput> next();

 private:
  std::string path_;
  double every_;
  FailureSink& policy_;
  FileState state_;
  std::optional<Film> film_;  // none: at its end
  std::size_t frames_ = 0;
};

}  // namespace llm2clip::cli
