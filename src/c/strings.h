#pragma once

#include <string>
#include <utility>
#include <vector>

#include "llm2clip/c/llm2clip.h"

namespace llm2clip::c {

/// A list of strings, and what llm2clip_strings_view lends of it.
class Strings {
 public:
  explicit Strings(std::vector<std::string> strings);
  Strings(const Strings&) = delete;  // the views lead into this object
  Strings& operator=(const Strings&) = delete;

  const std::vector<llm2clip_string>& views() const { return views_; }

 private:
  const std::vector<std::string> strings_;
  std::vector<llm2clip_string> views_;
};

/// Keys and values, as C gets them.
std::vector<std::string> in_turn(std::vector<std::pair<std::string, std::string>> pairs);

}  // namespace llm2clip::c
