#pragma once

#include <cstddef>
#include <fstream>
#include <istream>
#include <optional>
#include <string>
#include <vector>

#include "args.h"
#include "input_policy.h"

namespace llm2clip::cli {

struct TextInput {
  std::string id;
  std::string text;
  std::string place;  // "-t 2", "captions.txt:7": for messages
};

enum class LineState { whole, too_long, none };

/// The texts of the flags one after the other: those of -t, then the lines of the files.
class TextInputs {
 public:
  /// Throws Error(invalid_argument) when the flags name none.
  TextInputs(const TextFlags& flags, InputPolicy& policy);

  /// A text or line of more than flags.max_text_bytes is a failed input. Throws
  /// Error(unreadable_input) for a file that cannot be read.
  std::optional<TextInput> next();

 private:
  LineState read_line(std::string& line);
  void open_file(const std::string& name);
  TextInput parse(const std::string& line, const std::string& place) const;
  Error too_long(const std::string& place) const;

  const TextFlags& flags_;
  InputPolicy& policy_;
  std::size_t texts_used_ = 0;
  std::size_t files_used_ = 0;
  std::ifstream file_;
  std::istream* lines_ = nullptr;  // file_, std::cin, or none open
  std::string name_;
  std::size_t line_number_ = 0;
};

/// Every line of a file, with `\n` and one `\r` before it taken off; empty lines are left out.
/// Throws Error(unreadable_input), also for a line of more than 1 MiB.
std::vector<std::string> read_lines(const std::string& path);

/// The same error with the place of the input for the argument's name.
Error at_place(const std::string& place, const Error& error);

}  // namespace llm2clip::cli
