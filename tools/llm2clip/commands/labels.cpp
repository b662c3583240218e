#include "commands/labels.h"

#include "llm2clip/error.h"

namespace llm2clip::cli {

std::vector<PlacedLine> given_and_read(const std::string& flag,
                                       const std::vector<std::string>& given,
                                       const std::string& file) {
  std::vector<PlacedLine> all;
  for (const std::string& text : given) {
    all.push_back({text, flag + " " + std::to_string(all.size() + 1)});
  }
  if (!file.empty()) {
    for (PlacedLine& line : read_lines(file)) all.push_back(std::move(line));
  }
  for (const PlacedLine& line : all) check_utf8(line);
  return all;
}

std::vector<std::string> texts_of(const std::vector<PlacedLine>& lines) {
  std::vector<std::string> texts;
  for (const PlacedLine& line : lines) texts.push_back(line.text);
  return texts;
}

std::vector<std::string> all_templates(const std::vector<std::string>& given,
                                       const std::string& file) {
  const std::vector<PlacedLine> lines = given_and_read("--template", given, file);
  for (const PlacedLine& line : lines) {
    if (line.text.find("{}") != line.text.npos) continue;
    throw Error(ErrorKind::invalid_argument,
                line.place + ": template \"" + line.text + "\": expected {} where the label goes");
  }
  return texts_of(lines);
}

}  // namespace llm2clip::cli
