#include "serve/http/server.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <nlohmann/json.hpp>
#include <utility>

namespace asio = boost::asio;

namespace llm2clip::serve {
namespace {

using boost::system::error_code;

// When descriptors run out, some are given back before long.
constexpr std::chrono::milliseconds kPause{100};
constexpr std::chrono::seconds kWatchInterval{1};
// No batch of ours takes so long on a machine that works.
constexpr std::chrono::seconds kAbsurd{60};

}  // namespace

Server::Server(Service& service, asio::io_context& io, Door door, std::vector<Listening> listening)
    : service_(service),
      io_(io),
      door_(std::move(door)),
      listening_(std::make_move_iterator(listening.begin()),
                 std::make_move_iterator(listening.end())),
      signals_(io, SIGINT, SIGTERM),
      grace_(io),
      watch_(io) {}

void Server::run() {
  for (Listening& one : listening_) {
    service_.log.info("listening", {{"address", one.address}});
    std::visit([&](auto& acceptor) { asio::co_spawn(io_, accept_all(acceptor), asio::detached); },
               one.acceptor);
  }
  wait_for_signal();
  asio::co_spawn(io_, watch_engine(), asio::detached);
  io_.run();
}

void Server::end() {
  asio::post(io_, [this] { drain(); });
}

template <typename Listener>
asio::awaitable<void> Server::accept_all(Listener& listener) {
  asio::steady_timer pause(io_);
  while (listener.is_open()) {
    error_code error;
    auto socket = co_await listener.async_accept(asio::redirect_error(asio::use_awaitable, error));
    if (!error) {
      take(Socket(std::move(socket)));
    } else if (listener.is_open()) {
      pause.expires_after(kPause);
      co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
    }
  }
}

void Server::take(Socket socket) {
  if (connections_.size() >= service_.flags.max_connections) return;  // closed at once
  error_code ignored;
  // Answers are written whole: nothing is gained by waiting for more.
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  const auto connection =
      std::make_shared<Connection>(service_, door_, std::move(socket), next_number_++);
  connections_.insert(connection);
  service_.connections = connections_.size();
  asio::co_spawn(io_, connection->serve(),
                 [this, connection](const std::exception_ptr&) { forget(connection); });
}

void Server::forget(const std::shared_ptr<Connection>& connection) {
  connections_.erase(connection);
  service_.connections = connections_.size();
  if (service_.state == State::draining && connections_.empty()) io_.stop();
}

void Server::wait_for_signal() {
  signals_.async_wait([this](error_code error, int) {
    if (error) return;
    // A second one: whoever sends it does not want to wait.
    service_.state == State::draining ? cut_all() : drain();
    wait_for_signal();
  });
}

void Server::drain() {
  if (service_.state.exchange(State::draining) == State::draining) return;
  tell_systemd("STOPPING=1");
  service_.log.info("draining", {{"connections", connections_.size()}});
  for (Listening& one : listening_) {
    error_code ignored;
    std::visit([&](auto& acceptor) { acceptor.close(ignored); }, one.acceptor);
  }
  const auto connections = connections_;
  for (const auto& connection : connections) connection->end_soon();
  if (connections.empty()) io_.stop();
  grace_.expires_after(std::chrono::seconds(service_.flags.grace));
  grace_.async_wait([this](error_code error) {
    if (!error) cut_all();
  });
}

void Server::cut_all() {
  service_.log.warning("cut", {{"connections", connections_.size()}});
  for (const auto& connection : connections_) connection->cut();
  io_.stop();
}

// One line for each batch that takes absurdly long.
asio::awaitable<void> Server::watch_engine() {
  std::optional<std::chrono::steady_clock::time_point> told;
  while (true) {
    watch_.expires_after(kWatchInterval);
    co_await watch_.async_wait(asio::use_awaitable);
    const auto since = service_.engine.busy_since();
    const auto now = std::chrono::steady_clock::now();
    if (!since || since == told || now - *since < kAbsurd) continue;
    told = since;
    service_.log.warning("slow_batch",
                         {{"seconds", std::chrono::duration<double>(now - *since).count()}});
  }
}

}  // namespace llm2clip::serve
