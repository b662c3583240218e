// Asks a server as fast as it answers: so many connections, on each one request after the other.
//
//   serve_client PORT CONNECTIONS BODIES [ROUNDS]
//
// BODIES has one JSON body for /v1/embeddings a line. Prints one JSON line: how many were answered,
// in how long, the processor time that this client took of it, and the quantiles of their latency.

#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace asio = boost::asio;
namespace http = boost::beast::http;
using Clock = std::chrono::steady_clock;

namespace {

struct Work {
  asio::ip::tcp::endpoint server;
  std::vector<http::request<http::string_body>> requests;
  std::size_t count = 0;  // of requests in all
  std::size_t next = 0;
  std::map<unsigned, std::size_t> statuses;
  std::vector<double> milliseconds;
};

asio::awaitable<void> ask(Work& work) {
  asio::ip::tcp::socket socket(co_await asio::this_coro::executor);
  co_await socket.async_connect(work.server, asio::use_awaitable);
  socket.set_option(asio::ip::tcp::no_delay(true));
  boost::beast::flat_buffer buffer;
  while (work.next < work.count) {
    const auto& request = work.requests[work.next++ % work.requests.size()];
    const auto start = Clock::now();
    co_await http::async_write(socket, request, asio::use_awaitable);
    http::response_parser<http::string_body> answer;
    answer.body_limit(std::uint64_t{1} << 30);
    co_await http::async_read(socket, buffer, answer, asio::use_awaitable);
    const std::chrono::duration<double, std::milli> took = Clock::now() - start;
    ++work.statuses[answer.get().result_int()];
    if (answer.get().result_int() == 200) work.milliseconds.push_back(took.count());
  }
}

double processor_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](timeval time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::vector<http::request<http::string_body>> requests_of(const char* file) {
  std::vector<http::request<http::string_body>> requests;
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    http::request<http::string_body>& request =
        requests.emplace_back(http::verb::post, "/v1/embeddings", 11);
    request.set(http::field::host, "127.0.0.1");
    request.set(http::field::content_type, "application/json");
    request.body() = line;
    request.prepare_payload();
  }
  return requests;
}

double quantile(std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  return sorted[std::min(sorted.size() - 1,
                         static_cast<std::size_t>(share * static_cast<double>(sorted.size())))];
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "serve_client PORT CONNECTIONS BODIES [ROUNDS]\n";
    return 2;
  }
  Work work;
  work.server = {asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(std::stoi(argv[1]))};
  work.requests = requests_of(argv[3]);
  work.count = work.requests.size() * (argc > 4 ? std::stoul(argv[4]) : 1);
  asio::io_context io(1);
  for (int i = std::stoi(argv[2]); i > 0; --i) asio::co_spawn(io, ask(work), asio::detached);
  const auto start = Clock::now();
  const double before = processor_seconds();
  io.run();
  const std::chrono::duration<double> wall = Clock::now() - start;
  std::sort(work.milliseconds.begin(), work.milliseconds.end());
  nlohmann::ordered_json line = {{"answered", work.milliseconds.size()},
                                 {"seconds", wall.count()},
                                 {"client_processor_seconds", processor_seconds() - before},
                                 {"median_ms", quantile(work.milliseconds, 0.5)},
                                 {"p99_ms", quantile(work.milliseconds, 0.99)}};
  for (const auto& [status, count] : work.statuses) {
    line["statuses"][std::to_string(status)] = count;
  }
  std::cout << line.dump() << "\n";
}
