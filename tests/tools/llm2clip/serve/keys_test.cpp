#include "serve/http/keys.h"

#include <filesystem>
#include <fstream>

#include "serve/http/hosts.h"
#include "support/catch.h"

using namespace llm2clip::serve;

TEST_CASE("a key opens with its scheme in any letters, and nothing else does", "[serve]") {
  const auto file = std::filesystem::temp_directory_path() / "llm2clip_keys_test.txt";
  std::ofstream(file) << "# comment\r\n0123456789abcdef\r\n\nfedcba9876543210-x\n";
  const Keys keys = Keys::read(file);
  std::filesystem::remove(file);
  CHECK(keys.open("Bearer 0123456789abcdef"));
  CHECK(keys.open("bearer fedcba9876543210-x"));
  for (const char* wrong :
       {"", "Bearer ", "Bearer 0123456789abcde", "Bearer 0123456789abcdef0", "0123456789abcdef",
        "Basic 0123456789abcdef", "Bearer  0123456789abcdef", "Bearer # comment"}) {
    INFO(wrong);
    CHECK(!keys.open(wrong));
  }
  CHECK(!keys.open("Bearer " + std::string(10'000, 'a')));
}

TEST_CASE("a browser sends a key as a password", "[serve]") {
  const auto file = std::filesystem::temp_directory_path() / "llm2clip_passwords_test.txt";
  std::ofstream(file) << "0123456789abcdef\nabc:def:0123456789\n";
  const Keys keys = Keys::read(file);
  std::filesystem::remove(file);
  CHECK(keys.open("Basic OjAxMjM0NTY3ODlhYmNkZWY="));      // ":0123456789abcdef"
  CHECK(keys.open("basic bWU6MDEyMzQ1Njc4OWFiY2RlZg=="));  // "me:0123456789abcdef"
  CHECK(keys.open("Basic bWU6YWJjOmRlZjowMTIzNDU2Nzg5"));  // "me:abc:def:0123456789"
  CHECK(!keys.open("Basic MDEyMzQ1Njc4OWFiY2RlZg=="));     // "0123456789abcdef"
  CHECK(!keys.open("Basic MDEyMzQ1Njc4OWFiY2RlZjp4"));     // "0123456789abcdef:x"
  CHECK(!keys.open("Basic OjAxMjM0NTY3ODlhYmNkZWY"));      // without padding
}

TEST_CASE("what a page of another site embeds is told from what a person follows", "[serve]") {
  CHECK(is_of_other_page("cross-site", "no-cors"));
  CHECK(is_of_other_page("same-site", "cors"));  // another port of this host
  CHECK(!is_of_other_page("cross-site", "navigate"));
  CHECK(!is_of_other_page("same-origin", "cors"));
  CHECK(!is_of_other_page("none", "navigate"));
  CHECK(!is_of_other_page("", ""));
}

TEST_CASE("this machine has names that no name server gives", "[serve]") {
  for (const char* host : {"localhost", "LOCALHOST:80", "127.0.0.1:8080", "127.1.2.3", "[::1]:9"}) {
    INFO(host);
    CHECK(is_local_host(host, "127.0.0.1"));
  }
  for (const char* host : {"evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "",
                           "[::2]", "10.0.0.1"}) {
    INFO(host);
    CHECK(!is_local_host(host, "127.0.0.1"));
  }
}

TEST_CASE("a page's origin is that of the host that it asks", "[serve]") {
  CHECK(is_same_origin("", "localhost:80"));
  CHECK(is_same_origin("http://LOCALHOST:80", "localhost:80"));
  CHECK(is_same_origin("https://a.example", "a.example"));
  for (const char* other :
       {"null", "http://localhost", "http://localhost:81", "ftp://localhost:80"}) {
    INFO(other);
    CHECK(!is_same_origin(other, "localhost:80"));
  }
}
