#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <string>
#include <variant>
#include <vector>

namespace llm2clip::serve {

/// TCP or Unix, once a client is connected.
using Socket = boost::asio::generic::stream_protocol::socket;

/// What listens.
using Acceptor =
    std::variant<boost::asio::ip::tcp::acceptor, boost::asio::local::stream_protocol::acceptor>;

/// Where clients come to, and how it is called: "127.0.0.1:8080", "unix:/run/llm2clip.sock".
struct Listening {
  Acceptor acceptor;
  std::string address;
  bool loopback = false;  ///< none but this machine's programs reach it
};

/// An address of this machine and a port; 0: one that is free. Throws Error(unavailable) where it
/// cannot be had, Error(invalid_argument) for what is no address.
Listening listen_on(boost::asio::io_context& io, const std::string& host, std::uint16_t port);
/// A Unix socket; one that a dead server left is replaced. Throws as listen_on.
Listening listen_on_path(boost::asio::io_context& io, const std::string& path);
/// Those that systemd hands over (LISTEN_FDS); none where it does not. Throws Error(unavailable).
std::vector<Listening> listening_by_systemd(boost::asio::io_context& io);

/// Whether an address is one that only this machine reaches. Throws as listen_on.
bool is_loopback(const std::string& host);

/// Tells systemd what the server is at ("READY=1", "STOPPING=1"), where it wants to know.
void tell_systemd(const char* state);

}  // namespace llm2clip::serve
