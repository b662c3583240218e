#pragma once

#include <functional>

#include "llm2clip/error.h"

namespace llm2clip {

/// Asked between the steps of what takes long, in the thread that calls; true: it is to end.
using Stop = std::function<bool()>;

/// Throws Error(invalid_argument, "cancelled").
[[noreturn]] inline void cancel() { throw Error(ErrorKind::invalid_argument, "cancelled"); }

/// Cancels where `stop` says so.
inline void check_stop(const Stop& stop) {
  if (stop && stop()) cancel();
}

}  // namespace llm2clip
