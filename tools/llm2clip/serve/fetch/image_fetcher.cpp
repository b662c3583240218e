#include "serve/fetch/image_fetcher.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/vector_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <utility>

#include "serve/api/api_error.h"
#include "serve/fetch/public_address.h"

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;

namespace llm2clip::serve {
namespace {

using boost::system::error_code;
using Answer = http::response_parser<http::vector_body<std::uint8_t>>;

constexpr int kMostRedirections = 3;
constexpr std::size_t kFetchedAtOnce = 64u << 10;

// All of it is looked at, because any of it may be connected to.
asio::awaitable<tcp::resolver::results_type> resolve(const ImageAddress& address,
                                                     const std::string& input) {
  tcp::resolver resolver(co_await asio::this_coro::executor);
  error_code error;
  const auto found =
      co_await resolver.async_resolve(address.host, address.port, tcp::resolver::numeric_service,
                                      asio::redirect_error(asio::use_awaitable, error));
  if (error || found.empty()) throw not_fetched(input, "its host has no address");
  for (const auto& one : found) {
    if (address.is_listed_address || is_public(one.endpoint().address())) continue;
    throw not_fetched(input, "its host has an address that is not public");
  }
  co_return found;
}

http::request<http::empty_body> request_for(const ImageAddress& address) {
  http::request<http::empty_body> request(http::verb::get, address.target, 11);
  const bool is_v6 = address.host.find(':') != std::string::npos;
  const std::string host = is_v6 ? "[" + address.host + "]" : address.host;
  const bool usual = address.port == (address.is_tls ? "443" : "80");
  request.set(http::field::host, usual ? host : host + ":" + address.port);
  request.set(http::field::accept, "image/*");
  request.set(http::field::user_agent, "llm2clip");
  request.keep_alive(false);
  return request;
}

// The head, and where it is what was asked for, the body.
template <typename Stream>
asio::awaitable<void> ask(Stream& stream, const ImageAddress& address, Answer& answer,
                          FetchLimits& limits) {
  const auto request = request_for(address);
  co_await http::async_write(stream, request, asio::use_awaitable);
  beast::flat_buffer buffer(kFetchedAtOnce);
  co_await http::async_read_header(stream, buffer, answer, asio::use_awaitable);
  std::size_t counted = 0;
  while (answer.get().result() == http::status::ok && !answer.is_done()) {
    co_await http::async_read_some(stream, buffer, answer, asio::use_awaitable);
    const std::size_t size = answer.get().body().size();
    if (!limits.memory.grow(size - counted)) throw overloaded();
    counted = size;
  }
}

// The whole way has one time limit, which the stream keeps.
asio::awaitable<void> ask(asio::ssl::context& tls, const ImageAddress& address,
                          const tcp::resolver::results_type& where, Answer& answer,
                          FetchLimits& limits) {
  beast::tcp_stream plain(co_await asio::this_coro::executor);
  plain.expires_at(limits.end);
  co_await plain.async_connect(where, asio::use_awaitable);
  if (!address.is_tls) {
    co_await ask(plain, address, answer, limits);
    co_return;
  }
  beast::ssl_stream<beast::tcp_stream> stream(std::move(plain), tls);
  stream.set_verify_callback(asio::ssl::host_name_verification(address.host));
  if (!address.is_listed_address) {
    SSL_set_tlsext_host_name(stream.native_handle(), address.host.c_str());
  }
  co_await stream.async_handshake(asio::ssl::stream_base::client, asio::use_awaitable);
  co_await ask(stream, address, answer, limits);
}

ApiError error_of(const error_code& error, const std::string& input) {
  if (error == http::error::body_limit) {
    return too_large(input, input + ": the images of a request have too many bytes");
  }
  if (error == beast::error::timeout) return not_fetched(input, "it takes too long");
  return not_fetched(input, error.message());
}

bool is_redirection(http::status status) {
  return status == http::status::moved_permanently || status == http::status::found ||
         status == http::status::see_other || status == http::status::temporary_redirect ||
         status == http::status::permanent_redirect;
}

}  // namespace

ImageFetcher::ImageFetcher(const std::vector<std::string>& hosts)
    : hosts_(hosts), tls_(asio::ssl::context::tls_client) {
  if (!is_allowed()) return;
  tls_.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                   asio::ssl::context::no_tlsv1_1);
  tls_.set_default_verify_paths();
  tls_.set_verify_mode(asio::ssl::verify_peer);
}

asio::awaitable<std::vector<std::uint8_t>> ImageFetcher::fetch(std::string url, std::string input,
                                                               FetchLimits& limits) {
  for (int redirections = 0; redirections <= kMostRedirections; ++redirections) {
    const ImageAddress address = hosts_.check(url, input);
    const auto where = co_await resolve(address, input);
    Answer answer;
    answer.body_limit(limits.bytes);
    try {
      co_await ask(tls_, address, where, answer, limits);
    } catch (const boost::system::system_error& error) {
      throw error_of(error.code(), input);
    }
    auto message = answer.release();
    if (message.result() == http::status::ok) {
      limits.bytes -= message.body().size();
      co_return std::move(message.body());
    }
    if (!is_redirection(message.result())) {
      throw not_fetched(input, "its host answers " + std::to_string(message.result_int()));
    }
    url = redirected(url, std::string(message[http::field::location]), input);
  }
  throw not_fetched(input, "it is redirected too often");
}

}  // namespace llm2clip::serve
