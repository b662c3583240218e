#include "c/strings.h"

#include "c/arguments.h"
#include "c/handles.h"

namespace llm2clip::c {

Strings::Strings(std::vector<std::string> strings) : strings_(std::move(strings)) {
  for (const std::string& string : strings_) views_.push_back(borrowed(string));
}

std::vector<std::string> in_turn(std::vector<std::pair<std::string, std::string>> pairs) {
  std::vector<std::string> strings;
  for (auto& [key, value] : pairs) {
    strings.push_back(std::move(key));
    strings.push_back(std::move(value));
  }
  return strings;
}

}  // namespace llm2clip::c

using namespace llm2clip::c;

llm2clip_status llm2clip_strings_view(const llm2clip_strings* strings,
                                      const llm2clip_string** items, size_t* count) {
  return guarded([&] {
    const auto list = object_of(strings, "strings");
    if (items) *items = list->views().data();
    if (count) *count = list->views().size();
  });
}

llm2clip_status llm2clip_strings_free(llm2clip_strings* strings) { return free_handle(strings); }
