#include "terminal/terminal_text.h"

#include <clocale>

#include "support/catch.h"

namespace llm2clip::cli {
namespace {

struct Utf8Locale {
  Utf8Locale() { std::setlocale(LC_CTYPE, "C.UTF-8"); }
};

TEST_CASE("printable leaves letters and makes the rest harmless", "[tools][terminal_text]") {
  const Utf8Locale locale;
  CHECK(printable("a dog, 示意图 é 🐕") == "a dog, 示意图 é 🐕");
  CHECK(printable("a\nb\tc\r") == "a\\nb\\tc\\r");
  CHECK(printable("\x1b[31mred") == "\\x1b[31mred");
  CHECK(printable(std::string_view("a\0b", 3)) == "a\\x00b");
  CHECK(printable("\xff\xc3(") == "\\xff\\xc3(");
  CHECK(printable("\u009b31m") == "\\xc2\\x9b31m");                 // C1 control sequence
  CHECK(printable("a\u202egpj.exe") == "a\\xe2\\x80\\xaegpj.exe");  // right-to-left override
  CHECK(printable("cut \xe7\xa4") == "cut \\xe7\\xa4");
}

TEST_CASE("display_width counts columns, not characters", "[tools][terminal_text]") {
  const Utf8Locale locale;
  CHECK(display_width("dog") == 3);
  CHECK(display_width("示意图") == 6);
  CHECK(display_width("e\u0301") == 1);
  CHECK(display_width("") == 0);
}

TEST_CASE("a cut text fits and says that it is cut", "[tools][terminal_text]") {
  const Utf8Locale locale;
  CHECK(cut_end("photo", 5) == "photo");
  CHECK(cut_end("a photo of", 7) == "a phot…");
  CHECK(cut_start("holiday/beach.jpg", 10) == "…beach.jpg");
  CHECK(cut_end("示意图示意图", 6) == "示意…");  // five columns: half a character is none
  CHECK(cut_start("示意图示意图", 6) == "…意图");
  CHECK(cut_start("abe\u0301", 2) == "…e\u0301");
}

}  // namespace
}  // namespace llm2clip::cli
