#include "serve/watch/log_lines.h"

#include <unistd.h>

#include <array>
#include <chrono>
#include <ctime>
#include <nlohmann/json.hpp>
#include <utility>

#include "terminal/json_output.h"
#include "terminal/output.h"

namespace llm2clip::serve {
namespace {

constexpr std::size_t kMostWaiting = 10'000;

// "2026-11-30T08:36:02.123Z"
std::string time_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto thousandths = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
  const std::time_t seconds = thousandths / 1000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S.", &parts);
  const std::string fraction = std::to_string(1000 + thousandths % 1000).substr(1);
  return std::string(text.data(), size) + fraction + "Z";
}

}  // namespace

LogLines::LogLines(bool quiet) : quiet_(quiet), writer_([this] { write(); }) {}

LogLines::~LogLines() {
  {
    const std::scoped_lock lock(mutex_);
    ended_ = true;
    changed_.notify_one();
  }
  writer_.join();
}

void LogLines::info(const char* event, const nlohmann::ordered_json& members) {
  if (!quiet_) put("info", event, members);
}

void LogLines::warning(const char* event, const nlohmann::ordered_json& members) {
  put("warning", event, members);
}

void LogLines::put(const char* level, const char* event, const nlohmann::ordered_json& members) {
  nlohmann::ordered_json line = {{"time", time_now()}, {"level", level}, {"event", event}};
  line.update(members);
  std::string text = cli::json_text(line) + "\n";
  const std::scoped_lock lock(mutex_);
  if (lines_.size() == kMostWaiting) {
    ++left_out_;
    return;
  }
  lines_.push_back(std::move(text));
  changed_.notify_one();
}

void LogLines::write() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return ended_ || !lines_.empty(); });
    if (lines_.empty()) return;
    std::string text;
    for (const std::string& line : std::exchange(lines_, {})) text += line;
    if (const std::uint64_t count = std::exchange(left_out_, 0); count > 0) {
      text += cli::json_text(nlohmann::ordered_json{{"time", time_now()},
                                                    {"level", "warning"},
                                                    {"event", "lines_left_out"},
                                                    {"count", count}}) +
              "\n";
    }
    lock.unlock();
    // Where it cannot be written there is nobody to tell.
    static_cast<void>(cli::write_all(STDERR_FILENO, text));
    lock.lock();
  }
}

}  // namespace llm2clip::serve
