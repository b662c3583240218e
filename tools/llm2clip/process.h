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

/// CLI11's exception as "<argument>: <what is wrong>", with the command whose help tells more.
std::string usage_message(const CLI::App& app, const CLI::ParseError& error);

}  // namespace llm2clip::cli
