#include "terminal/messages.h"

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "terminal/advice.h"
#include "terminal/json_output.h"
#include "terminal/output.h"
#include "terminal/terminal_text.h"

namespace llm2clip::cli {
namespace {

// Where it cannot be written there is nobody to tell.
void put(const std::string& text) { static_cast<void>(write_all(STDERR_FILENO, text)); }

std::string json_line(std::string_view level, std::string_view text) {
  const nlohmann::ordered_json line = {{"level", level}, {"message", text}};
  return json_text(line) + "\n";
}

}  // namespace

Messages::Messages(const MessageFlags& flags)
    : flags_(flags), terminal_(::isatty(STDERR_FILENO) != 0) {
  const bool automatic = terminal_ && !flags.log_json && !flags.quiet;
  shows_progress_ = flags.progress == "always" || (flags.progress == "auto" && automatic);
}

void Messages::error(std::string_view text) { say("error", "llm2clip: ", advice_in_flags(text)); }

void Messages::warning(std::string_view text) {
  if (!flags_.quiet) say("warning", "llm2clip: warning: ", advice_in_flags(text));
}

void Messages::note(std::string_view text) {
  if (!flags_.quiet) say("note", "", text);
}

void Messages::detail(std::string_view text) {
  if (flags_.verbose) say("detail", "", text);
}

void Messages::status(std::string_view text) {
  if (flags_.log_json) {
    put(json_line("progress", text));
  } else if (terminal_) {
    put("\r" + printable(text) + "\x1b[K");
    status_shown_ = true;
  } else {
    put(printable(text) + "\n");
  }
}

void Messages::clear_status() {
  if (status_shown_) put("\r\x1b[K");
  status_shown_ = false;
}

void Messages::say(std::string_view level, std::string_view prefix, std::string_view text) {
  clear_status();
  if (flags_.log_json) {
    put(json_line(level, text));
  } else {
    put(std::string(prefix) + printable(text) + "\n");
  }
}

}  // namespace llm2clip::cli
