#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "serve/http/deadline.h"
#include "serve/http/message.h"
#include "serve/http/request_head.h"
#include "serve/http/sockets.h"
#include "serve/routes/routes.h"

namespace llm2clip::serve {

/// What the server asks of whoever comes in.
class Door;

/// One client's connection: requests one after the other, each answered before the next is read.
/// All of it happens in the I/O thread, but for what routes compute.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  /// `number` is its own among all connections.
  Connection(Service& service, const Door& door, Socket socket, std::uint64_t number);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Until either side is done.
  boost::asio::awaitable<void> serve();
  /// Ends it where it waits for a request; otherwise it ends after the answer.
  void end_soon();
  /// Ends it now.
  void cut();

 private:
  using Clock = std::chrono::steady_clock;
  struct Exchange;

  boost::asio::awaitable<bool> has_bytes();
  boost::asio::awaitable<bool> serve_one();
  boost::asio::awaitable<Response> answer(HttpParser& parser, Exchange& exchange);
  boost::asio::awaitable<void> read_head_bytes(HttpParser& parser);
  boost::asio::awaitable<void> read_body(HttpParser& parser, Exchange& exchange);
  boost::asio::awaitable<void> pass_over_body(HttpParser& parser, Exchange& exchange);
  boost::asio::awaitable<Response> compute(Exchange& exchange);
  boost::asio::awaitable<void> send(Response response, const Exchange& exchange);
  boost::asio::awaitable<void> linger();
  void watch_for_leaving();
  void start_clock(std::chrono::milliseconds time);

  Service& service_;
  const Door& door_;
  Socket socket_;
  Deadline deadline_;
  bool too_late_ = false;  // the deadline has passed
  bool idle_ = true;       // it waits for a request
  bool ends_ = false;      // after this answer
  boost::beast::flat_buffer buffer_;
  std::shared_ptr<Client> client_;
};

}  // namespace llm2clip::serve
