#pragma once

#include <string>
#include <string_view>

namespace llm2clip::cli {

/// Thrown when whoever read standard output has gone: no error, but nothing is left to do.
struct ReaderGone {};

/// Standard output, where results go and nothing else.
class Output {
 public:
  /// Throws ReaderGone, or Error(io) when the system refuses.
  void write(std::string_view text);
  /// To be called at the end: a destructor could not tell of a failure.
  void flush();

 private:
  std::string pending_;
};

}  // namespace llm2clip::cli
