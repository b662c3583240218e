#pragma once

#include <atomic>

namespace llm2clip::cli {

/// Whether a thread was left behind, EmbedOptions::leave_threads: the process must then end by
/// _exit. Note [Threads left behind] (src/embed/job_thread.h).
inline std::atomic<bool> any_thread_left = false;

/// For EmbedOptions::leave_threads: a program that ends need not wait for its threads.
inline void leave_threads() { any_thread_left = true; }

}  // namespace llm2clip::cli
