#include "base/names.h"

#include "llm2clip/log.h"
#include "support/catch.h"
#include "support/error.h"

using namespace llm2clip;
using namespace llm2clip::testing;

TEST_CASE("names lead to values and back", "[names]") {
  CHECK(std::string(to_string(ErrorKind::cancelled)) == "cancelled");
  for (const ErrorKind kind :
       {ErrorKind::invalid_argument, ErrorKind::unreadable_input, ErrorKind::bad_model,
        ErrorKind::unavailable, ErrorKind::out_of_memory, ErrorKind::io, ErrorKind::cancelled}) {
    CHECK(from_string<ErrorKind>(to_string(kind)) == kind);
  }
  CHECK(from_string<LogLevel>("warning") == LogLevel::warning);
}

TEST_CASE("another name is answered with those that there are", "[names]") {
  const Error error = error_of([] { from_string<LogLevel>("loud"); });
  CHECK(error.kind() == ErrorKind::invalid_argument);
  CHECK(std::string(error.what()) == "log level: expected debug, info or warning, got \"loud\"");
}

TEST_CASE("a value that is none has no name", "[names]") {
  CHECK(std::string(to_string(static_cast<LogLevel>(99))).empty());
}
