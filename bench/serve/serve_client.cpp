// Asks a server on so many connections, on each one request after the other.
//
//   serve_client PORT CONNECTIONS BODIES [ROUNDS]        as fast as it answers
//   serve_client PORT CONNECTIONS BODIES RATE SECONDS    so many a second in all, if they can be
//   had
//
// BODIES has one JSON body for /v1/embeddings a line. Prints one JSON line: how many were answered
// with 200, in how long, the processor time that this client took of it, the quantiles of their
// latency, and how many had each status.

#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <limits>
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
  Clock::duration interval{0};  // between two of one connection
  Clock::time_point end = Clock::time_point::max();
  std::map<unsigned, std::size_t> statuses;
  std::vector<double> milliseconds;
};

asio::awaitable<void> ask(Work& work, Clock::time_point due) {
  asio::ip::tcp::socket socket(co_await asio::this_coro::executor);
  co_await socket.async_connect(work.server, asio::use_awaitable);
  socket.set_option(asio::ip::tcp::no_delay(true));
  boost::beast::flat_buffer buffer;
  asio::steady_timer timer(socket.get_executor());
  for (; work.next < work.count && Clock::now() < work.end; due += work.interval) {
    timer.expires_at(due);
    if (work.interval.count() > 0) co_await timer.async_wait(asio::use_awaitable);
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

// Each connection has a descriptor.
void allow_descriptors() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// Connections take turns: each asks at its own moment of the interval.
void start(asio::io_context& io, Work& work, int connections, int argc, char** argv) {
  work.count = work.requests.size();
  if (argc == 5) work.count *= std::stoul(argv[4]);
  const auto now = Clock::now();
  if (argc > 5) {
    const std::chrono::duration<double> interval(connections / std::stod(argv[4]));
    work.interval = std::chrono::duration_cast<Clock::duration>(interval);
    work.end = now + std::chrono::seconds(std::stoi(argv[5]));
    work.count = std::numeric_limits<std::size_t>::max();
  }
  for (int i = 0; i < connections; ++i) {
    asio::co_spawn(io, ask(work, now + i * work.interval / connections), asio::detached);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "serve_client PORT CONNECTIONS BODIES [ROUNDS | RATE SECONDS]\n";
    return 2;
  }
  allow_descriptors();
  Work work;
  work.server = {asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(std::stoi(argv[1]))};
  work.requests = requests_of(argv[3]);
  asio::io_context io(1);
  start(io, work, std::stoi(argv[2]), argc, argv);
  const auto begin = Clock::now();
  const double before = processor_seconds();
  io.run();
  const std::chrono::duration<double> wall = Clock::now() - begin;
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
