// libllm2clip-films.so: the one function that it exports, and nothing that throws behind it.

extern "C" {
#include <libavutil/log.h>
}

#include <cstdio>
#include <exception>
#include <new>

#include "film/film_table.h"
#include "film/module/film_reader.h"

namespace llm2clip {
namespace {

// No text: memory does not suffice.
void tell(FilmMessage message, const std::exception& error) {
  const bool memory = dynamic_cast<const std::bad_alloc*>(&error) != nullptr;
  std::snprintf(message.text, message.bytes, "%s", memory ? "" : error.what());
}

void* open_film(const char* path, const FilmLimits* limits, FilmMessage message) {
  try {
    return new FilmReader(path, *limits);
  } catch (const std::exception& error) {
    tell(message, error);
    return nullptr;
  }
}

FilmAnswer show(void* film, double seconds, FilmPixels* pixels, FilmMessage message) {
  try {
    const FilmPixels* shown = static_cast<FilmReader*>(film)->show(seconds);
    if (shown == nullptr) return FilmAnswer::end;
    *pixels = *shown;
    return FilmAnswer::frame;
  } catch (const std::exception& error) {
    tell(message, error);
    return FilmAnswer::damaged;
  }
}

void close_film(void* film) { delete static_cast<FilmReader*>(film); }

}  // namespace

extern "C" __attribute__((visibility("default"))) const FilmTable* llm2clip_films_1() {
  static const FilmTable kTable = {open_film, show, close_film};
  ::av_log_set_level(AV_LOG_QUIET);  // FFmpeg writes to standard error of itself
  return &kTable;
}

}  // namespace llm2clip
