#pragma once

#include <cstddef>
#include <istream>
#include <string>

namespace llm2clip::cli {

enum class Line { read, too_long, none };

/// The next line of `lines` without its `end`; the last one may lack it. Of a line of more than
/// `limit` bytes the rest is passed over, and `line` holds its start.
/// `none`: there is none, or lines.bad(). Takes no more memory than `limit`.
Line next_line(std::istream& lines, char end, std::size_t limit, std::string& line);

}  // namespace llm2clip::cli
