#include "pages/search_page.h"

#include <spawn.h>
#include <sys/wait.h>

#include <array>
#include <map>
#include <set>
#include <span>
#include <system_error>

#include "inputs/input_place.h"
#include "llm2clip/detail/command_line.h"
#include "llm2clip/error.h"
#include "pages/page_text.h"
#include "pages/search_page_parts.h"
#include "pages/thumbnails.h"
#include "terminal/terminal_text.h"

extern char** environ;

namespace llm2clip::cli {
namespace {

namespace fs = std::filesystem;

using Thumbnails = std::map<std::string, ThumbnailOrReason>;

std::string head(const std::string& title) {
  std::string html = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n";
  html += "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; ";
  html += "img-src data:; style-src '" + std::string(kStyleHash) + "'; script-src '";
  html += std::string(kScriptHash) + "'; base-uri 'none'; form-action 'none'\">\n";
  html += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  html += "<meta name=\"referrer\" content=\"no-referrer\">\n";
  html += "<title>" + html_text(title) + "</title>\n";
  html += "<style>" + std::string(kStyle) + "</style>\n</head>\n";
  return html;
}

// A name of its own direction: one that turns the text around turns no more than itself.
std::string isolated(std::string_view bytes) { return "<bdi>" + html_text(bytes) + "</bdi>"; }

// Of a film at its second; of an archive the archive, because browsers do not look into one.
std::string address_of(const InputPlace& place, const std::string& id) {
  std::error_code error;
  const fs::path whole = fs::absolute(place.file, error);
  const std::string address = file_address(error ? place.file : whole.string());
  return place.seconds ? address + id.substr(id.rfind("#t=")) : address;
}

std::string picture(const ThumbnailOrReason& thumbnail, const std::string& name) {
  if (const auto* reason = std::get_if<std::string>(&thumbnail)) {
    return "<span class=\"missing\">No picture: " + html_text(*reason) + "</span>";
  }
  const auto& made = std::get<Thumbnail>(thumbnail);
  const std::string_view bytes(reinterpret_cast<const char*>(made.jpeg.data()), made.jpeg.size());
  return "<img src=\"data:image/jpeg;base64," + detail::base64(bytes) + "\" width=\"" +
         std::to_string(made.width) + "\" height=\"" + std::to_string(made.height) + "\" alt=\"" +
         html_text(name) + "\">";
}

std::string result_item(const PageResult& result, const Thumbnails& thumbnails) {
  const InputPlace place = place_of(result.id);
  const std::string& path = place.member.empty() ? place.file : result.id;
  const fs::path whole(path);
  const std::string name = whole.filename().string();
  const std::string time = place.seconds ? clock_time(*place.seconds) : "";
  const std::string alt = place.seconds ? "Frame of " + name + " at " + time : "Image " + name;
  const ThumbnailOrReason& thumbnail = thumbnails.at(result.id);
  // The picture says the name to those who hear the page; once is enough.
  const bool said = std::holds_alternative<Thumbnail>(thumbnail);
  std::string html = "<li><a href=\"" + html_text(address_of(place, result.id)) + "\">";
  html += "<span class=\"picture\">" + picture(thumbnail, alt);
  if (place.seconds) html += "<span class=\"time\" aria-hidden=\"true\">" + time + "</span>";
  html += "</span><span class=\"words\"><span class=\"name\"";
  html += (said ? " aria-hidden=\"true\">" : ">") + isolated(name) + "</span> ";
  html += "<span class=\"score\"><span class=\"spoken\">score </span>" + score_text(result.score) +
          "</span> ";
  html += "<span class=\"folder\">" + isolated(whole.parent_path().string()) + "</span>";
  return html + "</span></a></li>\n";
}

std::string count_text(std::size_t count) {
  if (count == 0) return "Nothing was found.";
  return std::to_string(count) + (count == 1 ? " image" : " images") + ", best first";
}

std::string section(const PageQuery& query, const char* heading, const Thumbnails& thumbnails) {
  const std::string tag = heading;
  std::string html = "<section>\n<" + tag + ">" + isolated(query.words) + "</" + tag + ">\n";
  html += "<p class=\"count\">" + count_text(query.results.size()) + "</p>\n<ol>\n";
  for (const PageResult& result : query.results) html += result_item(result, thumbnails);
  return html + "</ol>\n</section>\n";
}

}  // namespace

std::string search_page(const std::vector<PageQuery>& queries, const ReadOptions& read) {
  std::set<std::string> ids;
  Thumbnails kept;
  for (const PageQuery& query : queries) {
    for (const PageResult& result : query.results) {
      if (result.thumbnail) {
        kept.try_emplace(result.id, *result.thumbnail);
      } else {
        ids.insert(result.id);
      }
    }
  }
  Thumbnails thumbnails = thumbnails_of({ids.begin(), ids.end()}, read);
  thumbnails.merge(kept);
  const bool one = queries.size() == 1;
  const std::string title =
      one ? queries.front().words : std::to_string(queries.size()) + " queries";
  std::string html = head(title) + "<body>\n<main>\n";
  if (!one) html += "<h1>" + html_text(title) + "</h1>\n";
  for (const PageQuery& query : queries) html += section(query, one ? "h1" : "h2", thumbnails);
  html += "</main>\n<footer><p id=\"keys\" hidden><kbd>←</kbd> <kbd>→</kbd> <kbd>↑</kbd> ";
  html += "<kbd>↓</kbd> go from image to image, <kbd>Enter</kbd> opens one.</p></footer>\n";
  html += "<script>" + std::string(kScript) + "</script>\n</body>\n</html>\n";
  return html;
}

void write_search_page(const fs::path& file, const std::vector<PageQuery>& queries,
                       const ReadOptions& read) {
  detail::check_output_path(file);
  const std::string html = search_page(queries, read);
  detail::write_file(file,
                     std::span(reinterpret_cast<const std::uint8_t*>(html.data()), html.size()));
}

void open_page(const fs::path& file) {
  std::string program = "xdg-open";
  std::string page = fs::absolute(file).string();
  const std::array<char*, 3> arguments = {program.data(), page.data(), nullptr};
  pid_t child = 0;
  int status = 0;
  const int started =
      ::posix_spawnp(&child, program.c_str(), nullptr, nullptr, arguments.data(), environ);
  const bool opened = started == 0 && ::waitpid(child, &status, 0) == child && WIFEXITED(status) &&
                      WEXITSTATUS(status) == 0;
  if (opened) return;
  throw Error(ErrorKind::unavailable, file.string() +
                                          ": xdg-open shows no browser; the page is written, "
                                          "open it in one");
}

}  // namespace llm2clip::cli
