#include "inputs/lines.h"

#include <sstream>
#include <string>
#include <vector>

#include "support/catch.h"

namespace llm2clip::cli {
namespace {

std::vector<std::string> all_of(const std::string& text, char end = '\n') {
  std::istringstream lines(text);
  std::vector<std::string> found;
  std::string line;
  while (next_line(lines, end, 1u << 20, line) == Line::read) found.push_back(line);
  return found;
}

TEST_CASE("a line ends where its mark stands, and the last one need not", "[tools][lines]") {
  CHECK(all_of("").empty());
  CHECK(all_of("a") == std::vector<std::string>{"a"});
  CHECK(all_of("a\n\nb\n") == std::vector<std::string>{"a", "", "b"});
  CHECK(all_of(std::string("a\nb\0c", 5), '\0') == std::vector<std::string>{"a\nb", "c"});
  CHECK(all_of(std::string("a\0b\n", 4)) == std::vector<std::string>{std::string("a\0b", 3)});
}

TEST_CASE("lines of every length around a read come back whole", "[tools][lines]") {
  for (const std::size_t length : {8190u, 8191u, 8192u, 8193u, 16382u, 16383u, 16384u, 100'000u}) {
    const std::string line(length, 'x');
    INFO(length);
    CHECK(all_of(line + "\n" + line) == std::vector<std::string>{line, line});
    CHECK(all_of(line + "\n") == std::vector<std::string>{line});
    CHECK(all_of(line) == std::vector<std::string>{line});
  }
}

TEST_CASE("of a line over the limit the start is kept and the next line follows",
          "[tools][lines]") {
  std::istringstream lines(std::string(50'000, 'x') + "\nnext\n" + std::string(11, 'y'));
  std::string line;
  CHECK(next_line(lines, '\n', 10, line) == Line::too_long);
  CHECK(line == std::string(10, 'x'));
  CHECK(next_line(lines, '\n', 10, line) == Line::read);
  CHECK(line == "next");
  CHECK(next_line(lines, '\n', 10, line) == Line::too_long);
  CHECK(next_line(lines, '\n', 10, line) == Line::none);
}

}  // namespace
}  // namespace llm2clip::cli
