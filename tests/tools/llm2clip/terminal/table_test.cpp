#include "terminal/table.h"

#include <clocale>

#include "support/catch.h"
#include "terminal/terminal_text.h"

namespace llm2clip::cli {
namespace {

TEST_CASE("columns are as wide as their widest cell or title", "[tools][table]") {
  std::setlocale(LC_CTYPE, "C.UTF-8");
  const Table table({{.title = "label", .width = widest({"狗", "示意图"})},
                     {.title = "score", .width = 6, .right = true}},
                    0);
  CHECK(table.titles() == "label    score\n");
  CHECK(table.line({"狗", "0.5"}) == "狗         0.5\n");
  CHECK(table.line({"示意图", "0.25"}) == "示意图    0.25\n");
}

TEST_CASE("lines have no blanks at their end", "[tools][table]") {
  const Table table({{.title = "a", .width = 5}, {.title = "b", .width = 5}}, 0);
  CHECK(table.line({"x", ""}) == "x\n");
}

TEST_CASE("a table fits the terminal by cutting its widest columns", "[tools][table]") {
  std::setlocale(LC_CTYPE, "C.UTF-8");
  const std::string path(100, 'p');
  const std::string label(60, 'l');
  const Table table({{.title = "image", .width = 100, .cut = Column::Cut::start},
                     {.title = "label", .width = 60, .cut = Column::Cut::end},
                     {.title = "score", .width = 6, .right = true}},
                    80);
  const std::string line = table.line({path, label, "0.5000"});
  CHECK(display_width(line.substr(0, line.size() - 1)) == 80);
  CHECK(line.starts_with("…pp"));
  CHECK(line.find("ll…") != std::string::npos);
  CHECK(line.ends_with("0.5000\n"));
}

TEST_CASE("without a terminal nothing is cut", "[tools][table]") {
  const Table table({{.title = "image", .width = 100, .cut = Column::Cut::start}}, 0);
  CHECK(table.line({std::string(100, 'p')}) == std::string(100, 'p') + "\n");
}

}  // namespace
}  // namespace llm2clip::cli
