#pragma once

#include <cstddef>
#include <istream>
#include <string>
#include <string_view>

#include "llm2clip/error.h"

namespace llm2clip::cli {

enum class Line { read, too_long, none };

/// The next line of `lines` without its `end`; the last one may lack it. Of a line of more than
/// `limit` bytes the rest is passed over, and `line` holds its start.
/// `none`: there is none, or lines.bad(). Takes no more memory than `limit`.
Line next_line(std::istream& lines, char end, std::size_t limit, std::string& line);

/// The same for the first line of a file, whose UTF-8 byte order mark is none of its text.
Line first_line(std::istream& lines, char end, std::size_t limit, std::string& line);

/// `text` after its UTF-8 byte order mark, where it has one.
std::string_view without_byte_order_mark(std::string_view text);

/// Of an input that cannot be read: "PLACE: MESSAGE".
Error unreadable(const std::string& place, const std::string& message);

}  // namespace llm2clip::cli
