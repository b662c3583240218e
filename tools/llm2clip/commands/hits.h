#pragma once

#include <string>
#include <vector>

#include "llm2clip/index.h"

namespace llm2clip::cli {

/// `{"id":"a.jpg","score":0.31}`
std::string hit_json(const IndexHit& hit);
/// `[{"id":...},...]`
std::string hits_json(const std::vector<IndexHit>& hits);

/// Lines of a table, without titles: score and id. `id_width` is that of the widest id.
std::string hit_titles(std::size_t id_width);
std::string hit_lines(const std::vector<IndexHit>& hits, std::size_t id_width);
std::size_t widest_id(const std::vector<IndexHit>& hits);

}  // namespace llm2clip::cli
