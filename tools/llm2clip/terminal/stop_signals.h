#pragma once

namespace llm2clip::cli {

/// From now on SIGINT, SIGTERM and SIGHUP ask for an orderly stop. A second SIGINT ends the process
/// at once, which loses what was not committed and damages nothing. A signal that is ignored when
/// the program starts stays ignored (nohup).
void catch_stop_signals();

/// The signal that asked for a stop; 0: none.
int stop_signal();

/// "SIGINT".
const char* name_of_signal(int signal);

}  // namespace llm2clip::cli
