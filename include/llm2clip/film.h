#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "llm2clip/export.h"
#include "llm2clip/image.h"

namespace llm2clip {

/// The frames of a film: MP4, MOV, Matroska, WebM or AVI.
///
///   llm2clip::Film film("holiday.mp4");
///   std::vector<llm2clip::Image> images;
///   for (double seconds = 0; auto frame = film.frame_at(seconds); seconds += 2) {
///     images.push_back(std::move(*frame));
///   }
///
/// FFmpeg's libraries decode. They are loaded with the first film, by a module of its own,
/// libllm2clip-films.so, so that programs without films do not need them. One thread at a time.
class LLM2CLIP_API Film {
 public:
  /// Opens the file and reads its header; `options` bounds the size of frames (max_pixels,
  /// max_side). Throws Error(unreadable_input) for a file that is no film, Error(unavailable) where
  /// films cannot be read because the module or FFmpeg is not installed.
  explicit Film(const std::filesystem::path& file, const ReadOptions& options = {});
  Film(Film&&) noexcept;             ///< The other one may only be destroyed or assigned to.
  Film& operator=(Film&&) noexcept;  ///< As the move.
  ~Film();

  /// The frame that a player shows `seconds` after the first one, RGB, turned as the film says:
  /// the latest that is not later. Empty: the film ends before. Decodes all frames up to it, so
  /// `seconds` must not fall from call to call: Error(invalid_argument).
  ///
  /// Throws Error(unreadable_input) where the film has no frame, or is damaged or cut before the
  /// frame: those earlier are good. Seconds from 0 on.
  std::optional<Image> frame_at(double seconds);

 private:
  class LLM2CLIP_LOCAL Impl;
  std::unique_ptr<Impl> impl_;
};

/// Throws Error(unavailable), naming what is missing, where films cannot be read.
LLM2CLIP_API void check_films();

}  // namespace llm2clip
