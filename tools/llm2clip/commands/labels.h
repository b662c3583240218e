#pragma once

#include <string>
#include <vector>

#include "inputs/text_inputs.h"

namespace llm2clip::cli {

// Labels and templates of zero-shot classification, as flags and files give them.

/// What `flag` was given, then the lines of the file, where one is named. Throws
/// Error(unreadable_input) for what is not UTF-8.
std::vector<PlacedLine> given_and_read(const std::string& flag,
                                       const std::vector<std::string>& given,
                                       const std::string& file);

std::vector<std::string> texts_of(const std::vector<PlacedLine>& lines);

/// Templates of --template, then those of --templates. Throws Error(invalid_argument) for one
/// without a place for the label.
std::vector<std::string> all_templates(const std::vector<std::string>& given,
                                       const std::string& file);

}  // namespace llm2clip::cli
