#include "pages/page_text.h"

#include "support/catch.h"

namespace llm2clip::cli {
namespace {

TEST_CASE("what means something to HTML is escaped", "[tool][page_text]") {
  CHECK(html_text("a & b") == "a &#38; b");
  CHECK(html_text("<script>alert(\"1\")</script>") ==
        "&#60;script&#62;alert(&#34;1&#34;)&#60;/script&#62;");
  CHECK(html_text("' onerror='x") == "&#39; onerror=&#39;x");
  CHECK(html_text("día 字 🙂 \\ /") == "día 字 🙂 \\ /");
}

TEST_CASE("what is no text becomes the character for that", "[tool][page_text]") {
  CHECK(html_text("a\xff.jpg") == "a\xEF\xBF\xBD.jpg");
  CHECK(html_text(std::string_view("a\0b\n\x7f", 5)) ==
        "a\xEF\xBF\xBD"
        "b\xEF\xBF\xBD\xEF\xBF\xBD");
  CHECK(html_text("\xC0\xBC").find('<') == std::string::npos);
}

TEST_CASE("an address has the bytes of its path", "[tool][page_text]") {
  CHECK(file_address("/a b/\xff#?%\".jpg") == "file:///a%20b/%FF%23%3F%25%22.jpg");
  CHECK(file_address("/a-b._~/Z9") == "file:///a-b._~/Z9");
}

TEST_CASE("times of films are written as players do", "[tool][page_text]") {
  CHECK(clock_time(0) == "0:00");
  CHECK(clock_time(12.5) == "0:12.5");
  CHECK(clock_time(59.9996) == "1:00");
  CHECK(clock_time(61.25) == "1:01.25");
  CHECK(clock_time(3723) == "1:02:03");
}

}  // namespace
}  // namespace llm2clip::cli
