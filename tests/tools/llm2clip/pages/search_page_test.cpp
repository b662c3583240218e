#include "pages/search_page.h"

#include <string>

#include "inputs/scratch_folder.h"
#include "support/catch.h"

namespace llm2clip::cli {
namespace {

using testing::ScratchFolder;

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

TEST_CASE("nothing that a name or a query holds becomes markup", "[tool][search_page]") {
  const std::string hostile =
      "x\"'><img src=x onerror=alert(1)><script>alert(2)</script>\xff\n.jpg";
  const std::string page =
      search_page({{hostile, {{hostile, 0.5f}, {"javascript:alert(3)", 0.4f}}}}, {});
  CHECK_FALSE(holds(page, "<img src=x"));
  CHECK_FALSE(holds(page, "<script>alert"));
  CHECK_FALSE(holds(page, "href=\"javascript"));
  CHECK_FALSE(holds(page, "onerror=alert(1)>"));
  CHECK_FALSE(holds(page, "\xff"));
  CHECK(holds(page, "&#60;script&#62;alert(2)&#60;/script&#62;"));
}

TEST_CASE("a page has scores, names, folders, and times of films", "[tool][search_page]") {
  const std::string page = search_page(
      {{"a red circle", {{"trip/a.jpg", 0.31254f}, {"trip/film.mp4#t=72.5", 0.2f}}}}, {});
  CHECK(holds(page, "<title>a red circle</title>"));
  CHECK(holds(page, "<h1><bdi>a red circle</bdi></h1>"));
  CHECK(holds(page, "2 images, best first"));
  CHECK(holds(page, ">0.3125<"));
  CHECK(holds(page, "<bdi>a.jpg</bdi>"));
  CHECK(holds(page, "<bdi>trip</bdi>"));
  CHECK(holds(page, "<span class=\"time\" aria-hidden=\"true\">1:12.5</span>"));
  CHECK(holds(page, "/trip/film.mp4#t=72.5\""));
}

TEST_CASE("several queries have a heading each, and none that found nothing is left out",
          "[tool][search_page]") {
  const std::string page = search_page({{"a", {{"a.jpg", 0.3f}}}, {"b", {}}}, {});
  CHECK(holds(page, "<h1>2 queries</h1>"));
  CHECK(holds(page, "<h2><bdi>a</bdi></h2>"));
  CHECK(holds(page, "<h2><bdi>b</bdi></h2>\n<p class=\"count\">Nothing was found.</p>"));
}

TEST_CASE("a page is written whole or not at all", "[tool][search_page]") {
  const ScratchFolder folder;
  write_search_page(folder.path("page.html"), {{"a", {}}}, {});
  CHECK_THROWS(write_search_page(folder.path("none/page.html"), {{"a", {}}}, {}));
}

}  // namespace
}  // namespace llm2clip::cli
