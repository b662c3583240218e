#pragma once

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>
#include <string>

namespace llm2clip::serve {

using HttpParser =
    boost::beast::http::request_parser<boost::beast::http::string_body, std::allocator<char>>;

/// A parser that holds a client to the limits of a head and a body.
void set_limits(HttpParser& parser);

/// What a head says, copied out of it: Beast adds a chunked body's trailer fields to the same
/// table, so nothing is asked of that table once the body is read.
struct RequestHead {
  std::string method;  ///< as sent
  std::string path;    ///< as sent, without the query
  std::string query;
  std::string host;
  std::string origin;         ///< empty: none
  std::string fetch_site;     ///< Sec-Fetch-Site, which browsers send; empty: none
  std::string fetch_mode;     ///< Sec-Fetch-Mode
  std::string authorization;  ///< empty: none
  std::string content_type;   ///< empty: none
  bool keep_alive = true;
  bool expects_continue = false;
  std::optional<std::uint64_t> content_length;  ///< none with a chunked body
  bool chunked = false;
};

/// Why a head is refused, beyond what the parser refuses.
struct HeadFault {
  int status;
  std::string message;
};

/// The head of a request that was parsed as far as it. Throws HeadFault for what two programs could
/// read in two ways, and for what HTTP/1.1 forbids: the next request of such a connection cannot be
/// trusted to begin where we think.
RequestHead read_head(const HttpParser& parser);

/// What is answered to bytes that the parser refuses.
HeadFault fault_of(const boost::system::error_code& error);

}  // namespace llm2clip::serve
