#include "serve/http/request_head.h"

#include <algorithm>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/rfc7230.hpp>

#include "serve/http/limits.h"

namespace http = boost::beast::http;

namespace llm2clip::serve {
namespace {

using Fields = HttpParser::value_type;

std::string one_of(const Fields& fields, http::field name, const char* what) {
  const auto [first, end] = fields.equal_range(name);
  if (first == end) return {};
  if (std::next(first) != end) throw HeadFault{400, std::string("the head has two ") + what};
  return std::string(first->value());
}

void check_field_count(const Fields& fields) {
  if (static_cast<std::size_t>(std::distance(fields.begin(), fields.end())) <= kMostFields) return;
  throw HeadFault{431, "the head has more than " + std::to_string(kMostFields) + " fields"};
}

// A body's length must have one meaning: no list of lengths, no coding but chunked, none of it in
// HTTP/1.0, which proxies read otherwise.
void check_length(const Fields& fields) {
  const std::string coding = one_of(fields, http::field::transfer_encoding, "Transfer-Encoding");
  const std::string length = one_of(fields, http::field::content_length, "Content-Length");
  const bool digits =
      std::all_of(length.begin(), length.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits) throw HeadFault{400, "Content-Length: digits are expected"};
  if (coding.empty()) return;
  if (!boost::beast::iequals(coding, "chunked")) {
    throw HeadFault{501, "Transfer-Encoding: only chunked is known here"};
  }
  if (fields.version() < 11) throw HeadFault{400, "Transfer-Encoding is not of HTTP/1.0"};
}

// "/path?query", or "http://host/path?query", which clients send to proxies and servers must take.
void read_target(std::string_view target, RequestHead& head) {
  constexpr std::string_view kScheme = "http://";
  if (target.starts_with(kScheme)) {
    target.remove_prefix(kScheme.size());
    const std::size_t slash = target.find('/');
    head.host = std::string(target.substr(0, slash));  // counts above the Host field
    target = slash == target.npos ? "/" : target.substr(slash);
  }
  if (!target.starts_with('/')) throw HeadFault{400, "a path is expected after the method"};
  const std::size_t mark = target.find('?');
  head.path = std::string(target.substr(0, mark));
  if (mark != target.npos) head.query = std::string(target.substr(mark + 1));
}

}  // namespace

void set_limits(HttpParser& parser) {
  parser.header_limit(kMostHeadBytes);
  parser.body_limit(kMostBodyBytes);
}

RequestHead read_head(const HttpParser& parser) {
  const Fields& fields = parser.get();
  if (fields.version() != 10 && fields.version() != 11) {
    throw HeadFault{505, "HTTP/1.1 is what is spoken here"};
  }
  check_field_count(fields);
  check_length(fields);
  RequestHead head;
  head.method = std::string(fields.method_string());
  head.host = one_of(fields, http::field::host, "Host");
  if (head.host.empty() && fields.version() == 11) throw HeadFault{400, "Host is expected"};
  read_target(fields.target(), head);
  head.origin = one_of(fields, http::field::origin, "Origin");
  head.fetch_site = std::string(fields["Sec-Fetch-Site"]);
  head.fetch_mode = std::string(fields["Sec-Fetch-Mode"]);
  head.authorization = one_of(fields, http::field::authorization, "Authorization");
  head.content_type = one_of(fields, http::field::content_type, "Content-Type");
  head.keep_alive = parser.keep_alive();
  head.chunked = parser.chunked();
  if (const auto length = parser.content_length()) head.content_length = *length;
  const std::string expect = one_of(fields, http::field::expect, "Expect");
  head.expects_continue = boost::beast::iequals(expect, "100-continue");
  if (!expect.empty() && !head.expects_continue) {
    throw HeadFault{417, "Expect: only 100-continue is known here"};
  }
  return head;
}

HeadFault fault_of(const boost::system::error_code& error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return {431, "the head has more than " + std::to_string(kMostHeadBytes) + " bytes"};
  }
  if (error == http::error::body_limit) {
    return {413, "the body has more than " + std::to_string(kMostBodyBytes) + " bytes"};
  }
  if (error == http::error::bad_version) return {505, "HTTP/1.1 is what is spoken here"};
  return {400, "this is no HTTP/1.1: " + error.message()};
}

}  // namespace llm2clip::serve
