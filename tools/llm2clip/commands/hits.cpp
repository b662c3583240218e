#include "commands/hits.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "llm2clip/detail/command_line.h"
#include "terminal/table.h"
#include "terminal/terminal_text.h"

namespace llm2clip::cli {
namespace {

// Floats as floats: 0.25 and 0.1, not 0.10000000149011612.
using Json = nlohmann::basic_json<nlohmann::ordered_map, std::vector, std::string, bool,
                                  std::int64_t, std::uint64_t, float>;

Table table_of(std::size_t id_width) {
  return Table({{.title = "score", .width = 7, .right = true},
                {.title = "image", .width = id_width, .cut = Column::Cut::start}},
               terminal_columns());
}

std::string four_digits(float value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.4f", static_cast<double>(value));
  return text.data();
}

}  // namespace

std::string hit_json(const IndexHit& hit) {
  return "{" + detail::json_id(hit.id) + ",\"score\":" + Json(hit.score).dump() + "}";
}

std::string hits_json(const std::vector<IndexHit>& hits) {
  std::string list = "[";
  for (const IndexHit& hit : hits) list += (list.size() > 1 ? "," : "") + hit_json(hit);
  return list + "]";
}

std::string hit_titles(std::size_t id_width) { return table_of(id_width).titles(); }

std::string hit_lines(const std::vector<IndexHit>& hits, std::size_t id_width) {
  const Table table = table_of(id_width);
  if (hits.empty()) return table.line({"-", "-"});
  std::string lines;
  for (const IndexHit& hit : hits) lines += table.line({four_digits(hit.score), hit.id});
  return lines;
}

std::size_t widest_id(const std::vector<IndexHit>& hits) {
  std::size_t width = 0;
  for (const IndexHit& hit : hits) width = std::max(width, widest({hit.id}));
  return width;
}

}  // namespace llm2clip::cli
