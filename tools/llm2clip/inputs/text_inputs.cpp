#include "inputs/text_inputs.h"

#include <cstdint>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "inputs/json_line.h"
#include "inputs/lines.h"

namespace llm2clip::cli {
namespace {

// Objects may carry more than the text.
constexpr std::size_t kObjectPerText = 16;
constexpr std::size_t kMaxLabelBytes = 1u << 20;
constexpr const char* kMaxFlag = "; raise it with --max-text-bytes";

std::size_t max_line_bytes(const TextFlags& flags) {
  constexpr std::size_t kMost = SIZE_MAX / 2;  // what is added to it stays above it
  const std::size_t times = flags.jsonl ? kObjectPerText : 1;
  return flags.max_text_bytes > kMost / times ? kMost : times * flags.max_text_bytes;
}

Error too_long(const std::string& place, std::size_t limit) {
  return unreadable(place, "has more than " + std::to_string(limit) + " bytes" + kMaxFlag);
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

bool has_txt_ending(std::string_view name) { return name.ends_with(".txt"); }
bool has_json_ending(std::string_view name) { return name.ends_with(".json"); }

MemberChoice member_choice(const TextFlags& flags) {
  if (flags.jsonl) return {has_json_ending, ".json", max_line_bytes(flags), kMaxFlag};
  return {has_txt_ending, ".txt; --jsonl takes those with .json", max_line_bytes(flags), kMaxFlag};
}

}  // namespace

TextInputs::TextInputs(const TextFlags& flags, FailureSink& policy)
    : flags_(flags), policy_(policy), choice_(flags.archives) {
  if (!flags.texts.empty()) choice_.refuse_others("-t");
  if (flags.texts.empty() && flags.files.empty()) {
    throw Error(ErrorKind::invalid_argument, "texts: none; give -t TEXT or -f FILE");
  }
}

std::optional<ListedText> TextInputs::next() {
  while (texts_used_ < flags_.texts.size()) {
    const std::string& text = flags_.texts[texts_used_++];
    const std::string place = "-t " + std::to_string(texts_used_);
    if (text.size() <= flags_.max_text_bytes) return ListedText{text, text, place};
    policy_.failed(place, too_long(place, flags_.max_text_bytes));
  }
  while (archive_ || lines_ != nullptr || files_used_ < flags_.files.size()) {
    if (!archive_ && lines_ == nullptr) {
      const std::string& name = flags_.files[files_used_++];
      if (!choice_.takes(name)) continue;
      open_file(name);
    }
    try {
      std::optional<ListedText> input = archive_ ? next_member() : next_line_of_file();
      if (input) return input;
    } catch (const Error& error) {
      policy_.failed(place_, error);
    }
    if (lines_ != nullptr && lines_->bad()) throw unreadable(name_, "cannot be read to its end");
  }
  return std::nullopt;
}

std::optional<ListedText> TextInputs::next_member() {
  const std::optional<MemberInput> member = archive_->next();
  if (!member) {
    archive_.reset();
    return std::nullopt;
  }
  place_ = member->id;
  std::string text(without_byte_order_mark(
      {reinterpret_cast<const char*>(member->content.data()), member->content.size()}));
  if (flags_.jsonl) return parse(text, member->id, member->id);
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
  return ListedText{member->id, std::move(text), member->id};
}

std::optional<ListedText> TextInputs::next_line_of_file() {
  const std::size_t limit = max_line_bytes(flags_);
  const std::size_t with_return = limit + 1;  // a carriage return is no text
  std::string line;
  const Line result = line_number_ == 0 ? first_line(*lines_, '\n', with_return, line)
                                        : next_line(*lines_, '\n', with_return, line);
  if (result == Line::none) {
    if (!lines_->bad()) lines_ = nullptr;
    return std::nullopt;
  }
  place_ = name_ + ":" + std::to_string(++line_number_);
  if (result == Line::too_long) throw too_long(place_, limit);
  if (line.ends_with('\r')) line.pop_back();
  if (!flags_.jsonl) {
    check_size(line, place_);
    return ListedText{line, line, place_};
  }
  if (line.empty()) return std::nullopt;
  return parse(line, place_, std::nullopt);
}

void TextInputs::open_file(const std::string& name) {
  line_number_ = 0;
  if (has_tar_ending(name)) {
    archive_.emplace(name, member_choice(flags_), policy_);
  } else if (name == "-") {
    name_ = "standard input";
    lines_ = &std::cin;
  } else {
    name_ = name;
    file_ = open_text(name);
    lines_ = &file_;
  }
}

ListedText TextInputs::parse(const std::string& text_of_object, const std::string& place,
                             const std::optional<std::string>& id) const {
  JsonLine object = parse_json_line(text_of_object, flags_.field, flags_.id_field, place);
  check_size(object.text, place);
  std::string own_id = object.id ? *object.id : id.value_or(object.text);
  return {std::move(own_id), std::move(object.text), place};
}

void TextInputs::check_size(const std::string& text, const std::string& place) const {
  if (text.size() > flags_.max_text_bytes) throw too_long(place, flags_.max_text_bytes);
}

std::vector<PlacedLine> read_lines(const std::string& path) {
  std::ifstream file = open_text(path);
  std::vector<PlacedLine> found;
  std::string line;
  Line result = first_line(file, '\n', kMaxLabelBytes, line);
  for (std::size_t number = 1; result != Line::none; ++number) {
    const std::string place = path + ":" + std::to_string(number);
    if (result == Line::too_long) {
      throw unreadable(place, "has more than " + std::to_string(kMaxLabelBytes) + " bytes");
    }
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty()) found.push_back({line, place});
    result = next_line(file, '\n', kMaxLabelBytes, line);
  }
  if (file.bad()) throw unreadable(path, "cannot be read to its end");
  return found;
}

void check_utf8(const PlacedLine& line) {
  try {
    static_cast<void>(nlohmann::json(line.text).dump());
  } catch (const nlohmann::json::type_error& error) {
    const std::string_view words = error.what();  // "[json.exception.type_error.316] <reason>"
    throw unreadable(line.place, "is not UTF-8: " + std::string(words.substr(words.find(' ') + 1)));
  }
}

}  // namespace llm2clip::cli
