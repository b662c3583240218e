#pragma once

#include <string>
#include <string_view>

namespace llm2clip::cli {

/// `bytes` as text of an HTML page, in an attribute as well: what means something to HTML is
/// escaped, and what is not UTF-8 or is a control character becomes U+FFFD.
std::string html_text(std::string_view bytes);

/// The address of a file: "file:///home/a%20b.jpg". `path` is absolute and may have any bytes.
std::string file_address(std::string_view path);

/// Seconds of a film as its player shows them: "0:12.5", "1:02:03".
std::string clock_time(double seconds);

}  // namespace llm2clip::cli
