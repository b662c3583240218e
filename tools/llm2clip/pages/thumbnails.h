#pragma once

#include <map>
#include <string>
#include <variant>
#include <vector>

#include "llm2clip/image.h"
#include "llm2clip/thumbnail.h"

namespace llm2clip::cli {

inline constexpr int kThumbnailSide = 256;  // pixels

/// A thumbnail, or why there is none.
using ThumbnailOrReason = std::variant<Thumbnail, std::string>;

/// Of the images that ids name: files, turned as their EXIF data says, members of archives, frames
/// of films. Each file is read once, several at a time.
std::map<std::string, ThumbnailOrReason> thumbnails_of(const std::vector<std::string>& ids,
                                                       const ReadOptions& read);

}  // namespace llm2clip::cli
