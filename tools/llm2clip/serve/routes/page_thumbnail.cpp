#include <utility>

#include "inputs/input_place.h"
#include "llm2clip/error.h"
#include "pages/thumbnails.h"
#include "serve/page/page_html.h"
#include "serve/page/page_request.h"
#include "serve/routes/routes.h"

namespace llm2clip::serve {
namespace {

ApiError no_thumbnail(const std::string& reason) {
  return {404, "invalid_request_error", "row: there is no picture of it: " + reason};
}

// Of a file alone: an archive or a film would be read from its beginning for each of its images.
Thumbnail make_of(const std::string& id, const Service& service, Request& request) {
  const cli::InputPlace place = cli::place_of(id);
  if (!place.member.empty() || place.seconds) {
    throw no_thumbnail("index --thumbnails keeps those of archives and films");
  }
  ReadOptions read = service.flags.read;
  read.apply_orientation = true;
  std::uint64_t taken = 0;
  read.reserve = [&](std::uint64_t bytes) {
    if (!request.memory.grow(bytes - taken)) throw overloaded();
    taken = bytes;
  };
  try {
    return make_thumbnail(read_image(place.file, read), cli::kThumbnailSide);
  } catch (const Error& error) {
    throw no_thumbnail(error.what());
  }
}

}  // namespace

// By the number of a row, never by a path: what is not in the index is not shown.
boost::asio::awaitable<Response> page_thumbnail(Service& service, Request& request) {
  const PageRow asked = read_page_row(request.query);
  const Index& index = find_index(service, asked.index);
  const auto id = asked.row < index.row_limit() ? index.id(asked.row) : std::nullopt;
  if (!id) throw no_thumbnail("the index has no such row");
  std::optional<Thumbnail> thumbnail = index.thumbnail(asked.row);
  if (!thumbnail) thumbnail = make_of(*id, service, request);
  co_return page_file("image/jpeg", {thumbnail->jpeg.begin(), thumbnail->jpeg.end()});
}

}  // namespace llm2clip::serve
