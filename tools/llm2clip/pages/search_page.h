#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "llm2clip/image.h"

namespace llm2clip::cli {

/// One image that was found.
struct PageResult {
  std::string id;
  float score = 0;
  std::optional<Thumbnail> thumbnail = {};  // none: it is made of the image
};

/// What was looked for, in words, and what was found, best first.
struct PageQuery {
  std::string words;
  std::vector<PageResult> results;
};

/// A page of HTML with a thumbnail of each result: one file that needs no other and no network, for
/// people with a keyboard, a screen reader, a dark screen, or without JavaScript. Names are shown
/// as they are, whatever is in them, and lead to the files. What cannot be read is there without
/// its thumbnail, with the reason.
std::string search_page(const std::vector<PageQuery>& queries, const ReadOptions& read);

/// Writes it; the file appears whole or not at all. Throws Error(io).
void write_search_page(const std::filesystem::path& file, const std::vector<PageQuery>& queries,
                       const ReadOptions& read);

/// Shows a page with the system's browser. Throws Error(unavailable) where none can be started.
void open_page(const std::filesystem::path& file);

}  // namespace llm2clip::cli
