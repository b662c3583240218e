#pragma once

#include <string>
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

}  // namespace llm2clip::c
