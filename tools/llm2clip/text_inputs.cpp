#include "text_inputs.h"

#include <filesystem>
#include <iostream>
#include <string_view>
#include <utility>

#include "json_line.h"

namespace llm2clip::cli {
namespace {

Error unreadable(const std::string& place, const std::string& message) {
  return Error(ErrorKind::unreadable_input, place + ": " + message);
}

std::ifstream open_text(const std::string& name) {
  std::error_code error;
  if (std::filesystem::is_directory(name, error)) {
    throw unreadable(name, "is a folder, a file with one text a line is expected");
  }
  std::ifstream file(name, std::ios::binary);
  if (!file) throw unreadable(name, "cannot be opened; is there such a file?");
  return file;
}

// Reads a line of any length to its end, and keeps no more of it than `limit` bytes and one.
LineState next_line(std::istream& lines, const std::string& name, std::size_t limit,
                    std::string& line) {
  constexpr int kEnd = std::istream::traits_type::eof();
  line.clear();
  bool whole = true;
  int byte = kEnd;
  try {
    std::streambuf& bytes = *lines.rdbuf();
    while ((byte = bytes.sbumpc()) != kEnd && byte != '\n') {
      whole = line.size() <= limit;
      if (whole) line += static_cast<char>(byte);
    }
  } catch (const std::ios_base::failure&) {
    throw unreadable(name, "cannot be read to its end");
  }
  if (byte == kEnd && line.empty()) return LineState::none;
  if (whole && line.ends_with('\r')) line.pop_back();
  return whole && line.size() <= limit ? LineState::whole : LineState::too_long;
}

}  // namespace

TextInputs::TextInputs(const TextFlags& flags, InputPolicy& policy)
    : flags_(flags), policy_(policy) {
  if (flags.texts.empty() && flags.files.empty()) {
    throw Error(ErrorKind::invalid_argument, "texts: none; give -t TEXT or -f FILE");
  }
}

std::optional<TextInput> TextInputs::next() {
  while (texts_used_ < flags_.texts.size()) {
    const std::string& text = flags_.texts[texts_used_++];
    const std::string place = "-t " + std::to_string(texts_used_);
    if (text.size() <= flags_.max_text_bytes) return TextInput{text, text, place};
    policy_.failed(too_long(place));
  }
  std::string line;
  for (LineState state = read_line(line); state != LineState::none; state = read_line(line)) {
    const std::string place = name_ + ":" + std::to_string(line_number_);
    try {
      if (state == LineState::too_long) throw too_long(place);
      if (flags_.jsonl && line.empty()) continue;
      return parse(line, place);
    } catch (const Error& error) {
      policy_.failed(error);
    }
  }
  return std::nullopt;
}

Error TextInputs::too_long(const std::string& place) const {
  return unreadable(place, "has more than " + std::to_string(flags_.max_text_bytes) +
                               " bytes; cut it, or raise --max-text-bytes");
}

LineState TextInputs::read_line(std::string& line) {
  while (true) {
    if (lines_ == nullptr) {
      if (files_used_ == flags_.files.size()) return LineState::none;
      open_file(flags_.files[files_used_++]);
    }
    ++line_number_;
    const LineState state = next_line(*lines_, name_, flags_.max_text_bytes, line);
    if (state != LineState::none) return state;
    lines_ = nullptr;
  }
}

void TextInputs::open_file(const std::string& name) {
  line_number_ = 0;
  if (name == "-") {
    name_ = "standard input";
    lines_ = &std::cin;
  } else {
    name_ = name;
    file_ = open_text(name);
    lines_ = &file_;
  }
}

TextInput TextInputs::parse(const std::string& line, const std::string& place) const {
  if (!flags_.jsonl) return {line, line, place};
  JsonLine read = parse_json_line(line, flags_.field, flags_.id_field, place);
  std::string id = read.id ? std::move(*read.id) : read.text;
  return {std::move(id), std::move(read.text), place};
}

std::vector<std::string> read_lines(const std::string& path) {
  constexpr std::size_t kLongest = 1U << 20;
  std::ifstream file = open_text(path);
  std::vector<std::string> found;
  std::string line;
  for (LineState state{}; (state = next_line(file, path, kLongest, line)) != LineState::none;) {
    if (state == LineState::too_long) throw unreadable(path, "has a line of more than 1 MiB");
    if (!line.empty()) found.push_back(line);
  }
  return found;
}

Error at_place(const std::string& place, const Error& error) {
  std::string_view words = error.what();
  constexpr std::string_view kArgument = "text: ";  // what the library calls it
  if (words.starts_with(kArgument)) words.remove_prefix(kArgument.size());
  return Error(error.kind(), place + ": " + std::string(words));
}

}  // namespace llm2clip::cli
