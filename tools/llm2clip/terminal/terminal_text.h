#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace llm2clip::cli {

/// `text` on one line and harmless to a terminal: control and direction-changing characters and
/// bytes that are no characters are written as \n, \t, \x1b. Follows the locale's encoding.
std::string printable(std::string_view text);

/// Columns that `text` takes on a terminal; `text` must be printable().
std::size_t display_width(std::string_view text);

/// `text` in at most `width` columns: cut at the end or at the start, with "…" in its place.
std::string cut_end(std::string_view text, std::size_t width);
std::string cut_start(std::string_view text, std::size_t width);

/// A score for people: "0.2513".
std::string score_text(float score);

/// Columns of the terminal behind standard output (COLUMNS where it is set); 0 where there is no
/// terminal and so no limit.
std::size_t terminal_columns();

}  // namespace llm2clip::cli
