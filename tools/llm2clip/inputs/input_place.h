#pragma once

#include <optional>
#include <string>

namespace llm2clip::cli {

/// What the id of an image leads to.
struct InputPlace {
  std::string file;                    // an image, an archive or a film
  std::string member = {};             // of an archive
  std::optional<double> seconds = {};  // of a film
};

/// "a.jpg", "shard.tar/000017.jpg", "film.mp4#t=12.0". By its words alone: no file is looked at.
InputPlace place_of(const std::string& id);

}  // namespace llm2clip::cli
