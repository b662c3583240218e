#include "base/log.h"

#include <array>
#include <atomic>
#include <cstdio>
#include <memory>
#include <mutex>
#include <utility>

#include "base/names.h"

namespace llm2clip {
namespace {

constexpr std::array<Named<LogLevel>, 3> kLevels = {
    {{LogLevel::debug, "debug"}, {LogLevel::info, "info"}, {LogLevel::warning, "warning"}}};

// Above every level: nobody listens.
constexpr int kSilent = static_cast<int>(LogLevel::warning) + 1;

std::atomic<int> least_level = kSilent;

struct Listener {
  std::mutex mutex;
  std::shared_ptr<const LogCallback> callback;
};

// Never destroyed: threads may still log while the program ends.
Listener& listener() {
  static Listener* const only = new Listener;
  return *only;
}

}  // namespace

const char* to_string(LogLevel level) { return name_of(kLevels, level); }

template <>
LogLevel from_string(std::string_view name) {
  return value_of(kLevels, "log level", name);
}

void set_log_callback(LogCallback callback, LogLevel least) {
  const bool silent = !callback;
  auto shared = std::make_shared<const LogCallback>(std::move(callback));
  {
    const std::scoped_lock lock(listener().mutex);
    listener().callback.swap(shared);
    least_level = silent ? kSilent : static_cast<int>(least);
  }
  // The callback before this one ends here, outside the lock, or with the last call that uses it.
}

bool is_logged(LogLevel level) noexcept {
  return static_cast<int>(level) >= least_level.load(std::memory_order_relaxed);
}

void send_to_log(LogLevel level, const std::string& message) noexcept {
  try {
    std::shared_ptr<const LogCallback> callback;
    {
      const std::scoped_lock lock(listener().mutex);
      callback = listener().callback;
    }
    if (callback && *callback) (*callback)(level, message);
  } catch (...) {
    // What the program does with its log must not change what the library computes.
  }
}

std::string Stopwatch::text() const {
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start_;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3f s", elapsed.count());
  return text.data();
}

}  // namespace llm2clip
