#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

// How bench/run talks to a program that it measures. The program loads what it needs and prints a
// JSON line about itself; then it measures once for every line that it is sent, and answers with a
// JSON line. So programs that take long to load can take turns, round by round.

namespace llm2clip::bench {

class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// Repeats `step`, which returns how much it did, for at least `seconds`, and once at least.
inline nlohmann::json repeat(double seconds, const std::function<double()>& step) {
  const Stopwatch stopwatch;
  double work = 0;
  do {
    work += step();
  } while (stopwatch.seconds() < seconds);
  return {{"seconds", stopwatch.seconds()}, {"work", work}};
}

inline void answer_rounds(const nlohmann::json& about,
                          const std::function<nlohmann::json()>& measure) {
  std::cout << about << std::endl;
  for (std::string line; std::getline(std::cin, line);) std::cout << measure() << std::endl;
}

/// What main returns: `run`, its errors printed.
inline int guarded(const char* program, const std::function<void()>& run) {
  try {
    run();
    return 0;
  } catch (const std::exception& error) {
    std::cerr << program << ": " << error.what() << '\n';
    return 1;
  }
}

}  // namespace llm2clip::bench
