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

/// The texts of the flags one after the other: those of -t, then the lines of the files.
class TextInputs {
 public:
  TextInputs(const TextFlags& flags, InputPolicy& policy);

  /// Throws Error(unreadable_input) for a file that cannot be read.
  std::optional<TextInput> next();

 private:
  bool read_line(std::string& line);
  void open_file(const std::string& name);
  std::optional<TextInput> parse(const std::string& line) const;

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
/// Throws Error(unreadable_input).
std::vector<std::string> read_lines(const std::string& path);

/// The same error with the place of the input for the argument's name.
Error at_place(const std::string& place, const Error& error);

}  // namespace llm2clip::cli
