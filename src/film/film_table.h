#pragma once

#include <cstddef>
#include <cstdint>

namespace llm2clip {

/// A frame as the module hands it over; its pixels live until the next call for the same film.
struct FilmPixels {
  int width = 0;                      ///< pixels, before it is turned
  int height = 0;                     ///< pixels
  int orientation = 1;                ///< as EXIF's, 1 to 8
  const std::uint8_t* rgb = nullptr;  ///< height * width * 3 bytes
};

/// What is refused before memory is taken for it.
struct FilmLimits {
  std::int64_t max_pixels = 0;
  int max_side = 0;
};

/// Where the module writes why a call failed: a text that ends in NUL, without the file's name.
/// Empty: memory does not suffice.
struct FilmMessage {
  char* text = nullptr;
  std::size_t bytes = 0;
};

enum class FilmAnswer : int { frame, end, damaged };

/// What libllm2clip-films.so gives: functions of C, because the two may be compiled with other
/// versions of the standard library. None throws.
struct FilmTable {
  /// A film, or null and the reason.
  void* (*open)(const char* path, const FilmLimits* limits, FilmMessage message);
  /// The frame that is shown at `seconds` from the first one on, into `pixels`. Seconds must not
  /// fall from call to call.
  FilmAnswer (*show)(void* film, double seconds, FilmPixels* pixels, FilmMessage message);
  void (*close)(void* film);
};

/// The function of the module. Its number changes with the table.
using FilmTableFunction = const FilmTable*();
inline constexpr const char* kFilmTableFunction = "llm2clip_films_1";

}  // namespace llm2clip
