#include "inputs/input_policy.h"

#include "terminal/exit_code.h"

namespace llm2clip::cli {

void InputPolicy::failed(const std::string& /*id*/, const Error& error) {
  if (on_error_ == OnError::fail || error.kind() != ErrorKind::unreadable_input) throw error;
  messages_.error(error.what());
  ++failures_;
}

int InputPolicy::exit_code() const { return failures_ == 0 ? kDone : kSomeSkipped; }

std::string summary(std::size_t done, const char* verb, std::size_t failures) {
  return std::to_string(done) + " " + verb + ", " + std::to_string(failures) + " failed";
}

}  // namespace llm2clip::cli
