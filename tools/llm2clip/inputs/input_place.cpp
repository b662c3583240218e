#include "inputs/input_place.h"

#include <charconv>
#include <string_view>

#include "inputs/film_inputs.h"
#include "inputs/tar_file.h"

namespace llm2clip::cli {

namespace {

constexpr double kLongestFilm = 1e9;  // seconds

}  // namespace

InputPlace place_of(const std::string& id) {
  constexpr std::string_view kTime = "#t=";
  if (const std::size_t at = id.rfind(kTime); at != id.npos && has_film_ending(id.substr(0, at))) {
    double seconds = 0;
    const char* const end = id.data() + id.size();
    const auto [rest, error] = std::from_chars(&id[at] + kTime.size(), end, seconds);
    if (error == std::errc() && rest == end && seconds >= 0 && seconds < kLongestFilm) {
      return {.file = id.substr(0, at), .seconds = seconds};
    }
  }
  for (std::size_t at = id.find('/'); at != id.npos; at = id.find('/', at + 1)) {
    if (has_tar_ending(id.substr(0, at))) {
      return {.file = id.substr(0, at), .member = id.substr(at + 1)};
    }
  }
  return {.file = id};
}

}  // namespace llm2clip::cli
