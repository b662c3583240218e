#include "commands/hits.h"

#include <algorithm>

#include "llm2clip/detail/command_line.h"
#include "terminal/json_output.h"
#include "terminal/table.h"
#include "terminal/terminal_text.h"

namespace llm2clip::cli {
namespace {

Table table_of(std::size_t id_width) {
  return Table({{.title = "score", .width = 7, .right = true},
                {.title = "image", .width = id_width, .cut = Column::Cut::start}},
               terminal_columns());
}

}  // namespace

std::string hit_json(const IndexHit& hit) {
  return "{" + detail::json_id(hit.id) + ",\"score\":" + FloatJson(hit.score).dump() + "}";
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
  for (const IndexHit& hit : hits) lines += table.line({score_text(hit.score), hit.id});
  return lines;
}

std::size_t widest_id(const std::vector<IndexHit>& hits) {
  std::size_t width = 0;
  for (const IndexHit& hit : hits) width = std::max(width, widest({hit.id}));
  return width;
}

}  // namespace llm2clip::cli
