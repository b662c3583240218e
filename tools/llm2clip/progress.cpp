#include "progress.h"

#include <cmath>
#include <utility>

namespace llm2clip::cli {
namespace {

using std::chrono::duration;
using std::chrono::milliseconds;

constexpr milliseconds kInterval(200);

std::string rate(double per_second) {
  if (per_second >= 10) return std::to_string(std::lround(per_second));
  const std::string tenths = std::to_string(std::lround(per_second * 10));
  return (tenths.size() > 1 ? tenths.substr(0, 1) : "0") + "." + tenths.back();
}

}  // namespace

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
  if (seconds > 0) text += ", " + rate(static_cast<double>(done) / seconds) + " " + unit_ + "/s";
  messages_.status(text);
}

}  // namespace llm2clip::cli
