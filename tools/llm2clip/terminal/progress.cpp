#include "terminal/progress.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace llm2clip::cli {
namespace {

using std::chrono::duration;
using std::chrono::milliseconds;

constexpr milliseconds kInterval(200);

}  // namespace

std::string rate_text(double per_second) {
  if (per_second >= 10) return std::to_string(std::lround(per_second));
  const long tenths = std::min(std::lround(per_second * 10), 99L);  // 9.96 is below ten
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10);
}

Progress::Progress(Messages& messages, std::string unit, std::size_t total)
    : messages_(messages), unit_(std::move(unit)), total_(total) {}

Progress::~Progress() { messages_.clear_status(); }

void Progress::update(std::size_t done) {
  const Clock::time_point now = Clock::now();
  if (!messages_.shows_progress() || now - shown_ < kInterval) return;
  shown_ = now;
  const double seconds = duration<double>(now - start_).count();
  std::string text = "  " + std::to_string(done);
  if (total_ > 0) text += " / " + std::to_string(total_);
  text += " " + unit_;
  if (seconds > 0)
    text += ", " + rate_text(static_cast<double>(done) / seconds) + " " + unit_ + "/s";
  messages_.status(text);
}

}  // namespace llm2clip::cli
