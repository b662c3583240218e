#include "serve/api/api_error.h"
#include "serve/page/page_html.h"
#include "serve/page/page_request.h"
#include "support/catch.h"

using namespace llm2clip;
using namespace llm2clip::serve;

namespace {

bool has(const std::string& text, const char* part) { return text.find(part) != text.npos; }

int status_of(const char* query) {
  try {
    read_page_request(query);
  } catch (const ApiError& error) {
    return error.status;
  }
  return 200;
}

}  // namespace

TEST_CASE("an address says what to look for, with spaces and letters as forms write them",
          "[serve]") {
  const PageRequest asked = read_page_request("q=a+red%20ring%26%C3%A4&index=my%2Fphotos");
  CHECK(asked.query == "a red ring&\xC3\xA4");
  CHECK(asked.index == "my/photos");
  CHECK_FALSE(asked.like);
  CHECK(asked.count == kPageHits);
  CHECK(read_page_request("like=12&count=60").like == 12);
  CHECK(read_page_request("like=12&count=60").count == 60);
}

TEST_CASE("an address without anything asks for nothing", "[serve]") {
  for (const char* query : {"", "q=", "q", "&&", "index=", "other=1"}) {
    const PageRequest asked = read_page_request(query);
    CHECK(asked.query.empty());
    CHECK_FALSE(asked.like);
    CHECK_FALSE(asked.index);
  }
}

TEST_CASE("an address that is none is refused", "[serve]") {
  for (const char* query : {"q=%", "q=%zz", "like=x", "like=-1", "like=1.5", "count=a",
                            "like=99999999999999999999", "q=a b", "q=<"}) {
    INFO(query);
    CHECK(status_of(query) == 400);
  }
  CHECK(read_page_request("count=0").count == 1);
  CHECK(read_page_request("count=1000000").count == kMostPageHits);
  CHECK_THROWS_AS(read_page_row("index=a"), ApiError);
}

TEST_CASE("what is written into an address is read back", "[serve]") {
  const std::string name = "a b&c=d+e/\xC3\xA4?#\"<";
  CHECK(read_page_request("index=" + address_text(name)).index == name);
}

TEST_CASE("whatever is in a name or a query is text of the page", "[serve]") {
  const std::string bad = "\"'><script>x</script>{{main}}";
  Page page{.heading = bad, .query = bad, .index = bad};
  page.indexes = {bad, "other"};
  page.hits = {{.row = 3, .score = 0.5f, .id = bad + "/" + bad + ".jpg"}};
  page.more = "/?q=" + bad;
  const Response answer = page_answer(page);
  CHECK_FALSE(has(answer.body, "<script>x"));
  CHECK_FALSE(has(answer.body, "\"'>"));
  CHECK(has(answer.body, "{{main}}"));  // a value is not looked at again
  CHECK(has(answer.body, "&#60;script&#62;x"));
  CHECK(has(answer.body, "score </span>0.5000"));
}

TEST_CASE("the page shows a choice where there are several indexes", "[serve]") {
  Page page{.heading = "h", .query = "", .index = "b"};
  page.indexes = {"b"};
  CHECK_FALSE(has(page_answer(page).body, "<select"));
  page.indexes = {"a", "b"};
  CHECK(has(page_answer(page).body, "<option>a</option><option selected>b</option>"));
}

TEST_CASE("the page lets nothing in that it did not bring along", "[serve]") {
  const Response answer = page_refusal(bad_request("q", "q: <wrong>"));
  CHECK(answer.status == 400);
  CHECK(answer.content_type == "text/html; charset=utf-8");
  CHECK(has(answer.body, "q: &#60;wrong&#62;"));
  std::string policy;
  for (const auto& [name, value] : answer.headers) {
    if (name == "Content-Security-Policy") policy = value;
    CHECK(name != "Access-Control-Allow-Origin");
  }
  CHECK(policy.starts_with("default-src 'none'; "));
  CHECK_FALSE(has(policy, "unsafe"));
  CHECK_FALSE(has(policy, "http"));
}

TEST_CASE("a film's frame is named with its time", "[serve]") {
  Page page{.heading = "h", .query = "", .index = "i"};
  page.hits = {{.row = 0, .score = 0, .id = "films/a.mp4#t=12.5"}};
  CHECK(has(page_answer(page).body, "alt=\"Frame of a.mp4 at 0:12.5\""));
}
