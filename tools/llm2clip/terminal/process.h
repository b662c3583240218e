#pragma once

#include <string>

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace llm2clip::cli {

/// What a process must settle before anything else: the locale (for the width of characters), that
/// a reader who leaves and a file at its size limit are error codes and no signals, and that the
/// three standard descriptors are taken, so that no file of ours is opened under their numbers.
void prepare_process();

/// Keeps LibTorch's threads from spinning for long while they wait for one another: whoever spins
/// keeps the core from whom it waits for, when the threads that decode, or other programs, want it
/// (measured with a compiler at work on the same two cores: 20 s with libgomp's default, 4 s with
/// this; 1 s and 1 s on an idle machine). libgomp asks its environment once, when it is loaded, so
/// this comes before the commands are. Leaves alone what the user has set.
void limit_spinning();

/// Ends the process and destroys nothing, as there are threads that may use it: Note [Threads left
/// behind]. All that is written has been written by then: nothing here writes through buffers of
/// stdio.
[[noreturn]] void end_at_once(int code);

/// CLI11's exception as "<argument>: <what is wrong>", with the command whose help tells more.
std::string usage_message(const CLI::App& app, const CLI::ParseError& error);

}  // namespace llm2clip::cli
