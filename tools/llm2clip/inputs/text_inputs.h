#pragma once

#include <cstddef>
#include <fstream>
#include <istream>
#include <optional>
#include <string>
#include <vector>

#include "flags/args.h"
#include "inputs/input_policy.h"
#include "inputs/tar_inputs.h"

namespace llm2clip::cli {

struct ListedText {
  std::string id;
  std::string text;
  std::string place;  // "-t 2", "captions.txt:7", "shard.tar/000017.txt": for messages
};

/// The texts of the flags one after the other: those of -t, then the lines of the files. Of an
/// archive (has_tar_ending) each .txt member is a text; with --jsonl each .json member holds one.
class TextInputs {
 public:
  /// Throws Error(invalid_argument) when the flags name none.
  TextInputs(const TextFlags& flags, FailureSink& policy);

  /// Throws Error(unreadable_input) for a file that cannot be read.
  std::optional<ListedText> next();

 private:
  std::optional<ListedText> next_member();
  // Nothing: that was the last one, or an empty line among objects.
  std::optional<ListedText> next_line_of_file();
  void open_file(const std::string& name);
  void check_size(const std::string& text, const std::string& place) const;
  ListedText parse(const std::string& text_of_object, const std::string& place,
                   const std::optional<std::string>& id) const;

  const TextFlags& flags_;
  FailureSink& policy_;
  std::size_t texts_used_ = 0;
  std::size_t files_used_ = 0;
  std::ifstream file_;
  std::istream* lines_ = nullptr;  // file_, std::cin, or none open
  std::string name_;
  std::size_t line_number_ = 0;
  std::string place_;                 // of what is being read
  std::optional<TarInputs> archive_;  // the one that is being read
  ArchiveChoice choice_;
};

/// A label or a template.
struct PlacedLine {
  std::string text;
  std::string place;  // "animals.txt:7", "--label 2": for messages
};

/// Every line of a file, with a byte order mark, `\n` and one `\r` before it taken off; empty lines
/// are left out. Throws Error(unreadable_input).
std::vector<PlacedLine> read_lines(const std::string& path);

/// Throws Error(unreadable_input) naming the place of what is not UTF-8.
void check_utf8(const PlacedLine& line);

}  // namespace llm2clip::cli
