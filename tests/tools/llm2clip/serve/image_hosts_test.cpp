#include "serve/fetch/image_hosts.h"

#include "llm2clip/error.h"
#include "serve/api/api_error.h"
#include "serve/fetch/public_address.h"
#include "support/catch.h"

using namespace llm2clip;
using namespace llm2clip::serve;

namespace {

bool is_public_text(const char* address) {
  return is_public(boost::asio::ip::make_address(address));
}

bool takes(const ImageHosts& hosts, const char* url) {
  try {
    hosts.check(url, "input");
    return true;
  } catch (const ApiError& error) {
    CHECK(error.status == 400);
    return false;
  }
}

}  // namespace

TEST_CASE("addresses of this machine, its network and nobody are not public", "[serve]") {
  for (const char* address : {"0.0.0.0",
                              "10.1.2.3",
                              "100.64.0.1",
                              "127.0.0.1",
                              "127.255.255.254",
                              "169.254.169.254",
                              "172.16.0.1",
                              "172.31.255.255",
                              "192.0.0.8",
                              "192.168.1.1",
                              "198.18.0.1",
                              "203.0.113.9",
                              "224.0.0.1",
                              "240.0.0.1",
                              "255.255.255.255",
                              "::",
                              "::1",
                              "::ffff:127.0.0.1",
                              "::ffff:8.8.8.8",
                              "::127.0.0.1",
                              "64:ff9b::7f00:1",
                              "fe80::1",
                              "fc00::1",
                              "fd12::1",
                              "ff02::1",
                              "2001::1",
                              "2001:db8::1",
                              "2002:7f00:1::1",
                              "3fff::1",
                              "4000::1"}) {
    INFO(address);
    CHECK_FALSE(is_public_text(address));
  }
  for (const char* address : {"8.8.8.8", "172.32.0.1", "100.128.0.1", "192.1.2.3", "223.255.255.1",
                              "2606:4700::1", "2a00:1450::1", "2001:4860::8888"}) {
    INFO(address);
    CHECK(is_public_text(address));
  }
}

TEST_CASE("only listed hosts are asked, on their port", "[serve]") {
  const ImageHosts hosts({"images.example.org", "Other.example:8443", "10.0.0.7", "[fd00::1]:81"});
  for (const char* url : {"http://images.example.org/a.jpg", "https://IMAGES.example.org",
                          "https://images.example.org:443/a?b=c", "http://other.example:8443/x",
                          "http://10.0.0.7/a", "http://[fd00::1]:81/a"}) {
    INFO(url);
    CHECK(takes(hosts, url));
  }
  for (const char* url : {"http://example.org/a",
                          "http://images.example.org:8080/a",
                          "http://images.example.org:22/",
                          "http://images.example.org.evil.example/",
                          "http://evil.example/images.example.org",
                          "http://images.example.org@evil.example/",
                          "http://me:pw@images.example.org/",
                          "http://other.example/",
                          "http://10.0.0.8/",
                          "http://0xa.0.0.7/",
                          "http://167772167/",
                          "http://[::ffff:10.0.0.7]/",
                          "http://[fd00::1]/",
                          "ftp://images.example.org/",
                          "http:images.example.org",
                          "http://",
                          "http:///a",
                          "http://images.example.org\\@evil/",
                          "http://images.example.org/a b",
                          "http://images.example.org./",
                          "https:"}) {
    INFO(url);
    CHECK_FALSE(takes(hosts, url));
  }
}

TEST_CASE("an address is taken apart as it will be asked", "[serve]") {
  const ImageHosts hosts({"a.example", "127.0.0.1:81"});
  const ImageAddress address = hosts.check("https://A.example?x=1#part", "input");
  CHECK(address.is_tls);
  CHECK(address.host == "a.example");
  CHECK(address.port == "443");
  CHECK(address.target == "/?x=1");
  CHECK_FALSE(address.is_listed_address);
  CHECK(hosts.check("http://127.0.0.1:81/", "input").is_listed_address);
}

TEST_CASE("a redirection leads on from where it was", "[serve]") {
  CHECK(redirected("http://a.example/b/c", "d.jpg", "i") == "http://a.example/b/d.jpg");
  CHECK(redirected("http://a.example/b", "https://x.example/", "i") == "https://x.example/");
  CHECK(redirected("http://a.example/b", "//x.example/y", "i") == "http://x.example/y");
  CHECK_THROWS_AS(redirected("http://a.example/b", "http://[", "i"), ApiError);
}

TEST_CASE("what is no host is refused when the server starts", "[serve]") {
  for (const char* host : {"", ":80", "http://a.example", "me@a.example", "a.example/b", "a b"}) {
    INFO(host);
    CHECK_THROWS_AS(ImageHosts({host}), Error);
  }
}
