#pragma once

#include <string>
#include <string_view>

namespace llm2clip::cli {

/// A message of the library in the words of the command line. The library names its options
/// ("raise max_pixels", "or overwrite it"), as programs do; who uses the command line wants the
/// flags. Only what comes after the last semicolon, the advice, is put in other words.
std::string advice_in_flags(std::string_view message);

}  // namespace llm2clip::cli
