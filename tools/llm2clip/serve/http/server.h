#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <list>
#include <memory>
#include <unordered_set>
#include <vector>

#include "serve/http/connection.h"
#include "serve/http/door.h"
#include "serve/http/sockets.h"
#include "serve/service.h"

namespace llm2clip::serve {

/// Listens, and holds the connections: all of it in the one thread that calls run().
class Server {
 public:
  Server(Service& service, boost::asio::io_context& io, Door door,
         std::vector<Listening> listening);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Until it has drained after a signal or end().
  void run();
  /// As a signal: nothing new comes in, what is here is answered within the grace, or cut. May be
  /// called from any thread.
  void end();

 private:
  template <typename Listener>
  boost::asio::awaitable<void> accept_all(Listener& listener);
  void take(Socket socket);
  void wait_for_signal();
  void drain();
  void cut_all();
  void forget(const std::shared_ptr<Connection>& connection);
  boost::asio::awaitable<void> watch_engine();

  Service& service_;
  boost::asio::io_context& io_;
  const Door door_;
  std::list<Listening> listening_;
  boost::asio::signal_set signals_;
  boost::asio::steady_timer grace_;
  boost::asio::steady_timer watch_;
  std::unordered_set<std::shared_ptr<Connection>> connections_;
  std::uint64_t next_number_ = 1;
};

}  // namespace llm2clip::serve
