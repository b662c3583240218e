#include <algorithm>
#include <filesystem>
#include <utility>

#include "pages/search_page_parts.h"
#include "serve/api/requests.h"
#include "serve/files/files.h"
#include "serve/page/page_html.h"
#include "serve/page/page_request.h"
#include "serve/routes/routes.h"
#include "serve/work/embedding.h"

namespace llm2clip::serve {
namespace {

// The page is of indexes; without one there is none. The first is the one that is searched.
const Named<Index>& index_of(const Service& service, const std::optional<std::string>& name) {
  if (service.indexes.empty()) throw no_route();
  return name ? find_named_index(service, *name) : service.indexes.front();
}

Page page_of(const Service& service, const Named<Index>& index) {
  Page page;
  page.index = index.name;
  page.takes_images = service.embeds_images();
  for (const Named<Index>& one : service.indexes) page.indexes.push_back(one.name);
  return page;
}

Page first_page(const Service& service, const Named<Index>& index) {
  Page page = page_of(service, index);
  page.heading = "Search " + index.name;
  page.note = std::to_string(index.thing.rows()) + " images are in the index.";
  return page;
}

// Where a search found as many as it was to, there may be more.
std::string address_of_more(const PageRequest& asked, const Page& page) {
  if (page.hits->size() < asked.count || asked.count == kMostPageHits) return {};
  const std::string what =
      asked.like ? "like=" + std::to_string(*asked.like) : "q=" + address_text(asked.query);
  return "/?index=" + address_text(page.index) + "&" + what +
         "&count=" + std::to_string(std::min(2 * asked.count, kMostPageHits));
}

// What is like a row, but for the row itself.
std::vector<IndexHit> hits_like(const Index& index, std::uint64_t row, std::size_t count) {
  const Embeddings query(1, index.dim(), index.row(row));
  std::vector<IndexHit> hits = index.search(query, {.top_k = count + 1}).front();
  std::erase_if(hits, [&](const IndexHit& hit) { return hit.row == row; });
  if (hits.size() > count) hits.pop_back();
  return hits;
}

std::string name_of_row(const Index& index, std::uint64_t row) {
  const auto id = row < index.row_limit() ? index.id(row) : std::nullopt;
  if (!id) throw bad_request("like", "like: the index has no such row");
  return std::filesystem::path(*id).filename().string();
}

}  // namespace

boost::asio::awaitable<Response> page(Service& service, Request& request) {
  const PageRequest asked = read_page_request(request.query);
  const Named<Index>& index = index_of(service, asked.index);
  if (!asked.like && asked.query.empty()) co_return page_answer(first_page(service, index));
  Page page = page_of(service, index);
  if (asked.like) {
    page.heading = "Like " + name_of_row(index.thing, *asked.like);
    page.hits = hits_like(index.thing, *asked.like, asked.count);
  } else {
    page.heading = page.query = asked.query;
    std::vector<ApiInput> query = {{asked.query, "q"}};
    const Embeddings row = co_await embed(service, request, std::move(query));
    page.hits = index.thing.search(row, {.top_k = asked.count}).front();
  }
  page.more = address_of_more(asked, page);
  co_return page_answer(page);
}

boost::asio::awaitable<Response> page_of_image(Service& service, Request& request) {
  SearchRequest asked = read_search(request.body, service.facts());
  const Named<Index>& index = index_of(service, asked.index);
  Page page = page_of(service, index);
  page.heading = "Like the image";
  const Embeddings row = co_await embed(service, request, std::move(asked.query));
  page.hits = index.thing.search(row, {.top_k = kPageHits}).front();
  co_return page_answer(page);
}

// Both have what search pages have that are files, and more.
Response page_style(Service&, const Request&) {
  return page_file("text/css; charset=utf-8",
                   std::string(cli::kStyle) + std::string(files::style_css));
}

Response page_script(Service&, const Request&) {
  return page_file("text/javascript; charset=utf-8",
                   std::string(cli::kScript) + std::string(files::script_js));
}

Response page_icon(Service&, const Request&) {
  return page_file("image/svg+xml", std::string(files::icon_svg));
}

}  // namespace llm2clip::serve
