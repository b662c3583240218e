#include "serve/http/connection.h"

#include <sys/socket.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>
#include <random>
#include <utility>

#include "serve/http/door.h"
#include "serve/http/limits.h"
#include "serve/page/page_html.h"
#include "serve/watch/answered.h"

namespace asio = boost::asio;
namespace http = boost::beast::http;

namespace llm2clip::serve {
namespace {

using boost::system::error_code;

// The client is gone, or too slow: nobody to answer.
struct Gone {};

// A body that is refused but small is read all the same, so that the connection can go on.
constexpr std::uint64_t kSmallBody = 1u << 20;
// A client may take an answer at this rate, or faster.
constexpr std::uint64_t kLeastRate = 64u << 10;  // bytes a second

std::string new_id() {
  static thread_local std::mt19937_64 numbers{std::random_device{}()};
  std::array<char, 17> digits{};
  std::snprintf(digits.data(), digits.size(), "%016llx",
                static_cast<unsigned long long>(numbers()));
  return digits.data();
}

std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 64> text{};
  const std::size_t size =
      std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return {text.data(), size};
}

// nullptr: there is no such route.
Response refusal(const ApiError& error, const Route* route) {
  const bool is_page = route != nullptr && route->is_page;
  Response response = is_page ? page_refusal(error) : Response{};
  response.status = error.status;
  if (!is_page) response.body = route != nullptr ? route->error_body(error) : openai_body(error);
  const auto add = [&](const char* name, const std::string& value) {
    response.headers.emplace_back(name, value);
  };
  if (error.status == 429 || error.status == 503) add("Retry-After", "1");
  if (error.status == 401) add("WWW-Authenticate", is_page ? "Basic realm=\"llm2clip\"" : "Bearer");
  if (error.status == 405) add("Allow", error.code);
  return response;
}

Response refusal(const HeadFault& fault) {
  return refusal(ApiError(fault.status, "invalid_request_error", fault.message), nullptr);
}

// What Beast refuses is the client's fault; any other error is a connection that is gone.
void check_read(const error_code& error) {
  if (!error) return;
  if (error.category() == http::make_error_code(http::error::bad_method).category()) {
    throw fault_of(error);
  }
  throw Gone();
}

// What a route answers, or how it fails. Runs on a thread of the handlers.
asio::awaitable<Response> run_route(Service& service, const Route& route, Request& request) {
  std::string fault;
  try {
    co_return co_await route.compute(service, request);
  } catch (const ApiError& error) {
    co_return refusal(error, &route);
  } catch (const std::exception& error) {
    fault = error.what();
  }
  service.log.warning("route_failed", {{"id", request.id}, {"message", fault}});
  co_return refusal(internal_error(), &route);
}

// A place among the requests in flight, until the end of its scope.
class Place {
 public:
  explicit Place(std::atomic<std::size_t>& taken) : taken_(taken), number_(++taken_) {}
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() { --taken_; }
  std::size_t number() const { return number_; }

 private:
  std::atomic<std::size_t>& taken_;
  std::size_t number_;
};

}  // namespace

// A request on its way.
struct Connection::Exchange {
  Exchange(std::shared_ptr<const Client> client, Budget& memory)
      : request(new_id(), std::move(client), memory) {}

  Clock::time_point start = Clock::now();
  RequestHead head;
  const Route* route = nullptr;
  Request request;
  bool keep_alive = false;   // where the next request begins is known
  bool body_unread = false;  // some of it may still come
};

Connection::Connection(Service& service, const Door& door, Socket socket, std::uint64_t number)
    : service_(service),
      door_(door),
      socket_(std::move(socket)),
      deadline_(socket_.get_executor(),
                [this] {
                  too_late_ = true;
                  error_code ignored;
                  socket_.cancel(ignored);
                }),
      buffer_(kMostHeadBytes + kReadBytes),
      client_(std::make_shared<Client>()) {
  client_->id = number;
}

asio::awaitable<void> Connection::serve() {
  const auto alive = shared_from_this();
  try {
    while (co_await serve_one()) {
    }
  } catch (const Gone&) {
  } catch (const std::exception& error) {
    service_.log.warning("connection_failed", {{"message", error.what()}});
  }
  cut();
}

void Connection::end_soon() {
  ends_ = true;
  if (idle_) cut();
}

void Connection::cut() {
  client_->left = true;
  deadline_.lift();
  error_code ignored;
  socket_.close(ignored);
}

void Connection::start_clock(std::chrono::milliseconds time) {
  too_late_ = false;
  deadline_.set(time);
}

// False: the client has nothing more to ask.
asio::awaitable<bool> Connection::has_bytes() {
  if (buffer_.size() > 0) co_return true;
  buffer_.shrink_to_fit();  // thousands may be idle
  start_clock(kIdleTime);
  error_code error;
  const std::size_t count = co_await socket_.async_read_some(
      buffer_.prepare(kFirstBytes), asio::redirect_error(asio::use_awaitable, error));
  deadline_.lift();
  buffer_.commit(count);
  co_return !error;
}

// One request, from its first byte to its answer. False: the connection is done.
asio::awaitable<bool> Connection::serve_one() {
  if (!co_await has_bytes()) co_return false;
  idle_ = false;
  Exchange exchange(client_, service_.memory);
  HttpParser parser;
  set_limits(parser);
  Response response;
  try {
    response = co_await answer(parser, exchange);
  } catch (const HeadFault& fault) {
    exchange.body_unread = true;
    response = refusal(fault);
  }
  if (client_->left) throw Gone();
  exchange.keep_alive = exchange.keep_alive && !exchange.body_unread && !ends_;
  co_await send(std::move(response), exchange);
  if (exchange.body_unread) co_await linger();
  idle_ = true;
  co_return exchange.keep_alive;
}

asio::awaitable<Response> Connection::answer(HttpParser& parser, Exchange& exchange) {
  co_await read_head_bytes(parser);
  exchange.head = read_head(parser);
  exchange.keep_alive = exchange.head.keep_alive;
  std::optional<ApiError> refused;
  try {
    exchange.route = &door_.let_in(service_, exchange.head);
  } catch (const ApiError& error) {
    refused = error;
  }
  if (refused) {
    co_await pass_over_body(parser, exchange);
    exchange.route = find_route(exchange.head.method, exchange.head.path).route;
    co_return refusal(*refused, exchange.route);
  }
  co_await read_body(parser, exchange);
  exchange.request.query = exchange.head.query;
  if (exchange.route->tell != nullptr) co_return exchange.route->tell(service_, exchange.request);
  co_return co_await compute(exchange);
}

asio::awaitable<void> Connection::read_head_bytes(HttpParser& parser) {
  start_clock(kHeadTime);
  error_code error;
  co_await http::async_read_header(socket_, buffer_, parser,
                                   asio::redirect_error(asio::use_awaitable, error));
  deadline_.lift();
  if (too_late_) throw HeadFault{408, "the head of the request did not come in time"};
  if (error == http::error::partial_message) throw HeadFault{400, "the head has no end"};
  check_read(error);
}

// The body, as much of it as limits allow, into the request.
asio::awaitable<void> Connection::read_body(HttpParser& parser, Exchange& exchange) {
  error_code error;
  if (exchange.head.expects_continue && !parser.is_done()) {
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    co_await asio::async_write(socket_, asio::buffer(kContinue),
                               asio::redirect_error(asio::use_awaitable, error));
  }
  start_clock(kBodyTime);
  // As much as the buffer holds is read at once: an image of 200 kB would come in fifty parts.
  if (parser.content_length_remaining().value_or(kReadBytes) > kFirstBytes) {
    buffer_.reserve(kReadBytes);
  }
  std::size_t counted = 0;
  while (!error && !parser.is_done()) {
    co_await http::async_read_some(socket_, buffer_, parser,
                                   asio::redirect_error(asio::use_awaitable, error));
    const std::size_t size = parser.get().body().size();
    if (!exchange.request.memory.grow(size - counted)) {
      throw HeadFault{429, "too many bytes are under way; try again later"};
    }
    counted = size;
  }
  deadline_.lift();
  if (too_late_) throw HeadFault{408, "the body did not come in time"};
  if (error == http::error::partial_message) throw HeadFault{400, "the body has no end"};
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    throw HeadFault{400, "the extension of a chunk or the trailer is too long"};
  }
  check_read(error);
  exchange.request.body = std::move(parser.get().body());
}

// Of a refused request. Where it is long, the connection ends instead.
asio::awaitable<void> Connection::pass_over_body(HttpParser& parser, Exchange& exchange) {
  exchange.body_unread = !parser.is_done();
  const bool is_small = !exchange.head.chunked && !exchange.head.expects_continue &&
                        exchange.head.content_length.value_or(0) <= kSmallBody;
  if (parser.is_done() || !is_small) co_return;
  error_code error;
  start_clock(kHeadTime);
  co_await http::async_read(socket_, buffer_, parser,
                            asio::redirect_error(asio::use_awaitable, error));
  deadline_.lift();
  exchange.body_unread = static_cast<bool>(error);
}

asio::awaitable<Response> Connection::compute(Exchange& exchange) {
  Request& request = exchange.request;
  const Place place(service_.in_flight);
  if (place.number() > service_.flags.max_in_flight) {
    co_return refusal(overloaded(), exchange.route);
  }
  watch_for_leaving();
  Response response = co_await asio::co_spawn(
      service_.handlers, run_route(service_, *exchange.route, request), asio::use_awaitable);
  error_code ignored;
  socket_.cancel(ignored);  // the watch
  co_return response;
}

// A client that closes its side while it waits has left: its inputs are dropped before they cost.
// One that sends its next request already is not watched any more.
void Connection::watch_for_leaving() {
  if (buffer_.size() > 0) return;
  socket_.async_wait(Socket::wait_read, [alive = shared_from_this()](error_code error) {
    if (error) return;
    char byte = 0;
    const ssize_t count = ::recv(alive->socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    const bool open = count > 0 || (count < 0 && errno == EAGAIN);
    if (!open) alive->client_->left = true;
  });
}

asio::awaitable<void> Connection::send(Response response, const Exchange& exchange) {
  const bool head_only = exchange.head.method == "HEAD";
  const std::size_t size = response.body.size();
  http::response<http::string_body> message(static_cast<http::status>(response.status), 11);
  message.set(http::field::content_type, response.content_type);
  message.set(http::field::date, http_date());
  message.set("X-Request-Id", exchange.request.id);
  message.set(http::field::cache_control, "no-store");
  message.set("X-Content-Type-Options", "nosniff");
  for (const auto& [name, value] : response.headers) message.set(name, value);
  message.keep_alive(exchange.keep_alive);
  message.content_length(size);
  if (!head_only) message.body() = std::move(response.body);
  start_clock(kAnswerTime + std::chrono::seconds(size / kLeastRate));
  error_code error;
  co_await http::async_write(socket_, message, asio::redirect_error(asio::use_awaitable, error));
  deadline_.lift();
  const Request& request = exchange.request;
  note_answer(service_, {.id = request.id,
                         .route = exchange.route,
                         .status = response.status,
                         .bytes_in = request.body.size(),
                         .bytes_out = size,
                         .facts = request.facts,
                         .took = Clock::now() - exchange.start});
  if (error) throw Gone();
}

// A client that still sends while it is refused would see a reset in place of the answer: what it
// sends is read and thrown away until it has the answer.
asio::awaitable<void> Connection::linger() {
  error_code error;
  socket_.shutdown(Socket::shutdown_send, error);
  start_clock(kLingerTime);
  while (!error && !too_late_) {
    buffer_.clear();
    co_await socket_.async_read_some(buffer_.prepare(kReadBytes),
                                     asio::redirect_error(asio::use_awaitable, error));
  }
}

}  // namespace llm2clip::serve
