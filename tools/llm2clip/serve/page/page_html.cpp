#include "serve/page/page_html.h"

#include <filesystem>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "inputs/input_place.h"
#include "pages/page_text.h"
#include "serve/files/files.h"
#include "serve/page/page_request.h"
#include "terminal/terminal_text.h"

namespace llm2clip::serve {
namespace {

using cli::html_text;
using cli::score_text;

// A name in a template, and the HTML that goes in its place.
using Value = std::pair<std::string_view, std::string>;

// `html` with a value in the place of each {{name}}. What is in a value stays as it is.
std::string fill(std::string_view html, std::initializer_list<Value> values) {
  std::string filled;
  while (true) {
    const std::size_t begin = html.find("{{");
    filled += html.substr(0, begin);
    if (begin == html.npos) return filled;
    const std::size_t end = html.find("}}", begin);
    const std::string_view name = html.substr(begin + 2, end - begin - 2);
    for (const Value& value : values) {
      if (value.first == name) filled += value.second;
    }
    html.remove_prefix(end + 2);
  }
}

std::string result_html(const Page& page, const IndexHit& hit) {
  const cli::InputPlace place = cli::place_of(hit.id);
  const std::filesystem::path whole(place.member.empty() ? place.file : hit.id);
  const std::string name = whole.filename().string();
  const std::string time = place.seconds ? cli::clock_time(*place.seconds) : "";
  const std::string index = "index=" + address_text(page.index);
  const std::string row = std::to_string(hit.row);
  return fill(
      files::result_html,
      {{"address", html_text("/?" + index + "&like=" + row)},
       {"thumbnail", html_text("/page/thumbnail?" + index + "&row=" + row)},
       {"alt", html_text(place.seconds ? "Frame of " + name + " at " + time : "Image " + name)},
       {"time",
        time.empty() ? "" : "<span class=\"time\" aria-hidden=\"true\">" + time + "</span>"},
       {"name", html_text(name)},
       {"score", score_text(hit.score)},
       {"folder", html_text(whole.parent_path().string())}});
}

std::string count_text(std::size_t count) {
  if (count == 0) return "Nothing was found.";
  return std::to_string(count) + (count == 1 ? " image" : " images") + ", best first";
}

std::string main_html(const Page& page) {
  // The script gives the heading the focus when it has put it there, so that it is read out.
  std::string html = "<h1 tabindex=\"-1\"><bdi>" + html_text(page.heading) + "</bdi></h1>\n";
  if (!page.note.empty()) html += "<p class=\"count\">" + html_text(page.note) + "</p>\n";
  if (!page.hits) return html;
  html += "<p class=\"count\">" + count_text(page.hits->size()) + "</p>\n";
  if (page.hits->empty()) return html;
  html += "<ol>\n";
  for (const IndexHit& hit : *page.hits) html += result_html(page, hit);
  html += "</ol>\n";
  if (page.more.empty()) return html;
  return html + "<p class=\"more\"><a href=\"" + html_text(page.more) + "\">Show more</a></p>\n";
}

// Which of several indexes; nothing to choose where there is one.
std::string index_field(const Page& page) {
  if (page.indexes.size() < 2) return {};
  std::string html = "<select name=\"index\" aria-label=\"Index\">";
  for (const std::string& name : page.indexes) {
    html += "<option" + std::string(name == page.index ? " selected" : "") + ">" + html_text(name) +
            "</option>";
  }
  return html + "</select>\n";
}

std::string page_html(const Page& page) {
  return fill(files::page_html, {{"title", html_text(page.heading)},
                                 {"query", html_text(page.query)},
                                 {"index_field", index_field(page)},
                                 {"takes_images", page.takes_images ? " data-taken" : ""},
                                 {"main", main_html(page)}});
}

}  // namespace

Response page_file(const char* content_type, std::string body) {
  // Nothing but what the page brings along runs, nothing is asked of other hosts, and no other page
  // shows this one or its images.
  return {.content_type = content_type,
          .body = std::move(body),
          .headers = {{"Content-Security-Policy",
                       "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' "
                       "blob:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
                       "frame-ancestors 'none'"},
                      {"Cross-Origin-Resource-Policy", "same-origin"},
                      {"Cross-Origin-Opener-Policy", "same-origin"},
                      {"X-Frame-Options", "DENY"},
                      {"Referrer-Policy", "same-origin"}}};
}

Response page_answer(const Page& page) {
  return page_file("text/html; charset=utf-8", page_html(page));
}

Response page_refusal(const ApiError& error) {
  Response response = page_answer({.heading = error.message, .query = "", .index = ""});
  response.status = error.status;
  return response;
}

}  // namespace llm2clip::serve
