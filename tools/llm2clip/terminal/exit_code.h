#pragma once

#include "llm2clip/error.h"

namespace llm2clip::cli {

/// What the program returns; docs/cli.md lists them for users.
enum ExitCode {
  kDone = 0,
  kInternalError = 1,
  kUsage = 2,
  kSomeSkipped = 3,
  kInputRefused = 4,
  kModelRefused = 5,
  kOutputFailed = 6,
  kDeviceFailed = 7,
  kVerifyMismatch = 8,
  kReaderGone = 141,  // what a shell shows for SIGPIPE
};

/// What a shell adds to the signal that ended a process.
constexpr int kSignalBase = 128;

int exit_code(ErrorKind kind);

}  // namespace llm2clip::cli
