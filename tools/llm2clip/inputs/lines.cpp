#include "inputs/lines.h"

#include <algorithm>
#include <array>

namespace llm2clip::cli {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

Line next_line(std::istream& lines, char end, std::size_t limit, std::string& line) {
  line.clear();
  std::array<char, 8192> piece{};
  bool any = false;
  bool too_long = false;
  for (bool ended = false; !ended;) {
    lines.getline(piece.data(), static_cast<std::streamsize>(piece.size()), end);
    const auto taken = static_cast<std::size_t>(lines.gcount());
    any = any || taken > 0;
    // A piece that was too small for the line sets failbit alone; so does nothing else here.
    const bool more = lines.fail() && !lines.eof() && !lines.bad() && taken > 0;
    ended = !more;
    if (more) lines.clear();
    const std::size_t length = taken - (lines.good() && ended ? 1 : 0);  // getline counts `end`
    too_long = too_long || line.size() + length > limit;
    line.append(piece.data(), std::min(length, limit - line.size()));
  }
  if (!any || lines.bad()) return Line::none;
  return too_long ? Line::too_long : Line::read;
}

Line first_line(std::istream& lines, char end, std::size_t limit, std::string& line) {
  const Line result = next_line(lines, end, limit + kByteOrderMark.size(), line);
  const bool mark_alone = line == kByteOrderMark && lines.eof();
  line.erase(0, line.size() - without_byte_order_mark(line).size());
  if (mark_alone) return Line::none;  // an empty file, as some editors save it
  if (line.size() <= limit) return result;
  line.resize(limit);
  return result == Line::none ? result : Line::too_long;
}

std::string_view without_byte_order_mark(std::string_view text) {
  return text.starts_with(kByteOrderMark) ? text.substr(kByteOrderMark.size()) : text;
}

Error unreadable(const std::string& place, const std::string& message) {
  return Error(ErrorKind::unreadable_input, place + ": " + message);
}

}  // namespace llm2clip::cli
