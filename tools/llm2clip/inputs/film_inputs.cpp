#include "inputs/film_inputs.h"

#include <array>
#include <cstdio>
#include <utility>

#include "inputs/folder_images.h"

namespace llm2clip::cli {

bool has_film_ending(std::string_view name) {
  return has_ending(name, {".mp4", ".mov", ".mkv", ".webm", ".avi"});
}

std::string frame_id(const std::string& film, double seconds) {
  std::array<char, 64> digits{};
  std::snprintf(digits.data(), digits.size(), "%.3f", seconds);
  std::string text = digits.data();
  while (text.ends_with('0') && text[text.size() - 2] != '.') text.pop_back();
  return film + "#t=" + text;
}

FilmInputs::FilmInputs(const std::string& path, double every, const ReadOptions& options,
                       FailureSink& policy)
    : path_(path), every_(every), policy_(policy), state_(state_of(path)) {
  try {
    film_.emplace(path, options);
  } catch (const Error& error) {
    policy_.failed(path_, error);
  }
}

std::optional<FrameInput> FilmInputs::next() {
  if (!film_) return std::nullopt;
  try {
    const double seconds = static_cast<double>(frames_++) * every_;
    if (std::optional<Image> image = film_->frame_at(seconds)) {
      return FrameInput{frame_id(path_, seconds), std::move(*image), state_.identity, state_.stamp};
    }
    film_.reset();
  } catch (const Error& error) {
    film_.reset();
    policy_.failed(path_, error);
  }
  return std::nullopt;
}

}  // namespace llm2clip::cli
