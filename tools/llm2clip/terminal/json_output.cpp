#include "terminal/json_output.h"

#include <array>
#include <string_view>
#include <utility>

namespace llm2clip::cli {

std::string escape_line_ends(std::string json) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kEnds = {
      {{"\xC2\x85", "\\u0085"}, {"\xE2\x80\xA8", "\\u2028"}, {"\xE2\x80\xA9", "\\u2029"}}};
  for (const auto& [end, escape] : kEnds) {  // they stand in strings alone
    for (std::size_t at = 0; (at = json.find(end, at)) != json.npos; at += escape.size()) {
      json.replace(at, end.size(), escape);
    }
  }
  return json;
}

}  // namespace llm2clip::cli
