#pragma once

#include "llm2clip/error.h"
#include "support/catch.h"

namespace llm2clip::testing {

/// The Error that `call` throws; fails the test when it throws none.
template <typename Call>
Error error_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  FAIL("expected an llm2clip::Error, nothing was thrown");
  return {ErrorKind::io, ""};
}

}  // namespace llm2clip::testing
