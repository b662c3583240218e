#pragma once

#include <string>
#include <string_view>

namespace llm2clip::cli {

/// What the program says beside its results. The flags of every command.
struct MessageFlags {
  bool quiet = false;
  bool verbose = false;
  bool log_json = false;
  std::string progress = "auto";
};

/// Standard error: one line a message, safe for terminals.
class Messages {
 public:
  explicit Messages(const MessageFlags& flags);

  void error(std::string_view text);
  void warning(std::string_view text);  ///< not with -q
  void note(std::string_view text);     ///< not with -q
  void detail(std::string_view text);   ///< only with -v

  bool is_quiet() const { return flags_.quiet; }
  bool shows_details() const { return flags_.verbose; }
  bool shows_progress() const { return shows_progress_; }
  /// A line that the next message or the next status replaces. Without a terminal, a line.
  void status(std::string_view text);
  void clear_status();

 private:
  void say(std::string_view level, std::string_view prefix, std::string_view text);

  MessageFlags flags_;
  bool terminal_ = false;
  bool shows_progress_ = false;
  bool status_shown_ = false;
};

}  // namespace llm2clip::cli
