#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <thread>

namespace llm2clip::serve {

/// JSON lines on standard error, written by a thread of their own: whoever reads them slowly does
/// not hold up the server. Where thousands wait, later ones are left out and counted.
class LogLines {
 public:
  /// `quiet`: warnings and errors alone.
  explicit LogLines(bool quiet);
  LogLines(const LogLines&) = delete;
  LogLines& operator=(const LogLines&) = delete;
  /// Writes what waits.
  ~LogLines();

  /// {"time", "level", "event", ...}. Several threads may call them.
  void info(const char* event, const nlohmann::ordered_json& members);
  void warning(const char* event, const nlohmann::ordered_json& members);

 private:
  void put(const char* level, const char* event, const nlohmann::ordered_json& members);
  void write();

  const bool quiet_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> lines_;
  std::uint64_t left_out_ = 0;
  bool ended_ = false;
  std::thread writer_;
};

}  // namespace llm2clip::serve
