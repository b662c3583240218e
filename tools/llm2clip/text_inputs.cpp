#include "text_inputs.h"

#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string_view>

namespace llm2clip::cli {
namespace {

using nlohmann::json;

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

bool next_line(std::istream& lines, const std::string& name, std::string& line) {
  if (std::getline(lines, line)) {
    if (line.ends_with('\r')) line.pop_back();
    return true;
  }
  if (lines.bad()) throw unreadable(name, "cannot be read to its end");
  return false;
}

}  // namespace

TextInputs::TextInputs(const TextFlags& flags, InputPolicy& policy)
    : flags_(flags), policy_(policy) {}

std::optional<TextInput> TextInputs::next() {
  if (texts_used_ < flags_.texts.size()) {
    const std::string& text = flags_.texts[texts_used_++];
    return TextInput{text, text, "-t " + std::to_string(texts_used_)};
  }
  std::string line;
  while (read_line(line)) {
    if (flags_.jsonl && line.empty()) continue;
    try {
      return parse(line);
    } catch (const Error& error) {
      policy_.failed(error);
    }
  }
  return std::nullopt;
}

bool TextInputs::read_line(std::string& line) {
  while (true) {
    if (lines_ == nullptr) {
      if (files_used_ == flags_.files.size()) return false;
      open_file(flags_.files[files_used_++]);
    }
    ++line_number_;
    if (next_line(*lines_, name_, line)) return true;
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

std::optional<TextInput> TextInputs::parse(const std::string& line) const {
  const std::string place = name_ + ":" + std::to_string(line_number_);
  if (!flags_.jsonl) return TextInput{line, line, place};
  const json object = json::parse(line, nullptr, false);
  if (!object.is_object()) throw unreadable(place, "a JSON object is expected");
  const auto text = object.find(flags_.field);
  if (text == object.end() || !text->is_string()) {
    throw unreadable(place, "has no string under \"" + flags_.field + "\"; see --field");
  }
  TextInput input{text->get<std::string>(), text->get<std::string>(), place};
  if (const auto id = object.find(flags_.id_field); id != object.end()) {
    // nlohmann's dump() goes as deep as the value does, and the stack does not.
    if (id->is_structured()) {
      throw unreadable(place, "has a list or an object under \"" + flags_.id_field +
                                  "\", a string or a number is expected; see --id-field");
    }
    input.id = id->is_string() ? id->get<std::string>() : id->dump();
  }
  return input;
}

std::vector<std::string> read_lines(const std::string& path) {
  std::ifstream file = open_text(path);
  std::vector<std::string> found;
  std::string line;
  while (next_line(file, path, line)) {
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
