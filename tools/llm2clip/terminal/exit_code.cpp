#include "terminal/exit_code.h"

namespace llm2clip::cli {

int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid_argument:
      return kUsage;
    case ErrorKind::unreadable_input:
      return kInputRefused;
    case ErrorKind::bad_model:
      return kModelRefused;
    case ErrorKind::io:
      return kOutputFailed;
    case ErrorKind::unavailable:
    case ErrorKind::out_of_memory:
      return kDeviceFailed;
    case ErrorKind::cancelled:  // by a signal, which commands tell themselves
      break;
  }
  return kInternalError;
}

}  // namespace llm2clip::cli
