#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>

namespace llm2clip::serve {

/// Calls something unless it is set anew or lifted in time. For one thread.
class Deadline {
 public:
  /// `passed` must be callable while anybody runs the executor.
  Deadline(const boost::asio::any_io_executor& executor, std::function<void()> passed)
      : state_(std::make_shared<State>(executor, std::move(passed))) {}
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  ~Deadline() {
    lift();
    state_->passed = nullptr;
  }

  void set(std::chrono::milliseconds time) {
    ++state_->round;
    state_->timer.expires_after(time);
    state_->timer.async_wait([state = state_, round = state_->round](boost::system::error_code) {
      // The timer may have fired, and its handler be under way, before it was set anew.
      if (round == state->round && state->passed) state->passed();
    });
  }
  void lift() {
    ++state_->round;
    state_->timer.cancel();
  }

 private:
  struct State {
    State(const boost::asio::any_io_executor& executor, std::function<void()> call)
        : timer(executor), passed(std::move(call)) {}
    boost::asio::steady_timer timer;
    std::function<void()> passed;
    std::uint64_t round = 0;
  };
  std::shared_ptr<State> state_;
};

}  // namespace llm2clip::serve
