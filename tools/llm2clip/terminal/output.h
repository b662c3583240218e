#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace llm2clip::cli {

/// Thrown when whoever read standard output has gone: no error, but nothing is left to do.
struct ReaderGone {};

/// Writes all of `text`, and waits where the descriptor takes no more just now, as it does when
/// somebody who shares it has set O_NONBLOCK. 0, or the errno of what failed. With `stop` also a
/// write does not block for ever: ECANCELED where that says so and the descriptor has taken nothing
/// for a second.
int write_all(int descriptor, std::string_view text, const std::function<bool()>& stop = {});

/// Thrown when nobody reads standard output any more while the program is asked to stop.
struct ReaderStalled {};

/// Standard output, where results go and nothing else.
class Output {
 public:
  Output() = default;
  /// Where `stop` says so, nothing is waited for that takes no byte for a second.
  explicit Output(std::function<bool()> stop) : stop_(std::move(stop)) {}

  /// Throws ReaderGone, ReaderStalled, or Error(io) when the system refuses.
  void write(std::string_view text);
  /// To be called at the end: a destructor could not tell of a failure.
  void flush();

 private:
  std::function<bool()> stop_;
  std::string pending_;
};

}  // namespace llm2clip::cli
