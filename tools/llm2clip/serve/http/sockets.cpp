#include "serve/http/sockets.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "llm2clip/error.h"

namespace asio = boost::asio;

namespace llm2clip::serve {
namespace {

using asio::ip::tcp;
using Local = asio::local::stream_protocol;

constexpr int kFirstOfSystemd = 3;  // the number of its first descriptor

[[noreturn]] void refuse(const std::string& what, const boost::system::error_code& error) {
  throw Error(ErrorKind::unavailable, what + ": cannot be listened on: " + error.message());
}

asio::ip::address address_of(const std::string& host) {
  if (host == "localhost") return asio::ip::address_v4::loopback();
  boost::system::error_code error;
  const auto address = asio::ip::make_address(host, error);
  if (!error) return address;
  throw Error(
      ErrorKind::invalid_argument,
      "--host: an address of this machine is expected (127.0.0.1, 0.0.0.0, ::1), not " + host);
}

std::string text_of(const tcp::endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  const std::string port = std::to_string(endpoint.port());
  return endpoint.address().is_v6() ? "[" + address + "]:" + port : address + ":" + port;
}

// A socket that nobody listens on; anything else is somebody's.
bool is_left_behind(const std::string& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return false;
  asio::io_context io;
  Local::socket socket(io);
  boost::system::error_code error;
  socket.connect(Local::endpoint(path), error);
  return error == asio::error::connection_refused;
}

int number_in(const char* name) {
  const char* text = std::getenv(name);  // before there is a second thread
  int number = 0;
  if (text != nullptr) std::from_chars(text, text + std::strlen(text), number);
  return number;
}

template <typename Protocol>
Acceptor adopted(asio::io_context& io, const Protocol& protocol, int descriptor) {
  typename Protocol::acceptor acceptor(io);
  acceptor.assign(protocol, descriptor);
  return Acceptor(std::move(acceptor));
}

Listening adopt(asio::io_context& io, int descriptor) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw Error(ErrorKind::unavailable,
                "LISTEN_FDS: descriptor " + std::to_string(descriptor) + " is no socket");
  }
  const std::string name = "systemd:" + std::to_string(descriptor);
  switch (address.ss_family) {
    case AF_UNIX:
      return {adopted(io, Local(), descriptor), name, true};
    case AF_INET:
      return {adopted(io, tcp::v4(), descriptor), name, false};
    case AF_INET6:
      return {adopted(io, tcp::v6(), descriptor), name, false};
    default:
      break;
  }
  throw Error(ErrorKind::unavailable, name + ": a TCP or Unix socket is expected");
}

}  // namespace

bool is_loopback(const std::string& host) { return address_of(host).is_loopback(); }

Listening listen_on(asio::io_context& io, const std::string& host, std::uint16_t port) {
  const tcp::endpoint wanted(address_of(host), port);
  tcp::acceptor acceptor(io);
  boost::system::error_code error;
  const auto step = [&](const auto& call) {
    if (!error) call();
  };
  step([&] { acceptor.open(wanted.protocol(), error); });
  step([&] { acceptor.set_option(tcp::acceptor::reuse_address(true), error); });
  step([&] { acceptor.bind(wanted, error); });
  step([&] { acceptor.listen(asio::socket_base::max_listen_connections, error); });
  if (error) refuse(text_of(wanted), error);
  const tcp::endpoint got = acceptor.local_endpoint();
  return {std::move(acceptor), text_of(got), got.address().is_loopback()};
}

Listening listen_on_path(asio::io_context& io, const std::string& path) {
  if (path.empty() || path.size() >= sizeof(sockaddr_un::sun_path)) {
    throw Error(ErrorKind::invalid_argument, "--socket: a path of 1 to 107 bytes is expected");
  }
  if (is_left_behind(path)) ::unlink(path.c_str());
  Local::acceptor acceptor(io);
  boost::system::error_code error;
  acceptor.open(Local(), error);
  if (!error) acceptor.bind(Local::endpoint(path), error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) refuse(path, error);
  return {std::move(acceptor), "unix:" + path, true};
}

std::vector<Listening> listening_by_systemd(asio::io_context& io) {
  std::vector<Listening> all;
  if (number_in("LISTEN_PID") != ::getpid()) return all;
  const int count = number_in("LISTEN_FDS");
  for (int i = 0; i < count; ++i) all.push_back(adopt(io, kFirstOfSystemd + i));
  return all;
}

void tell_systemd(const char* state) {
  const char* path = std::getenv("NOTIFY_SOCKET");  // NOLINT(concurrency-mt-unsafe): nobody sets it
  if (path == nullptr) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t size = std::strlen(path);
  if (size == 0 || size >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, path, size);
  if (path[0] == '@') address.sun_path[0] = '\0';  // of Linux, without a file
  const int descriptor = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return;
  static_cast<void>(::sendto(descriptor, state, std::strlen(state), MSG_NOSIGNAL,
                             reinterpret_cast<const sockaddr*>(&address),
                             static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size)));
  ::close(descriptor);
}

}  // namespace llm2clip::serve
