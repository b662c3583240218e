#pragma once

// What the command line shares with the library. No part of the interface: programs do not include
// this, and it may change with any version.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "llm2clip/error.h"
#include "llm2clip/export.h"
#include "llm2clip/run.h"
#include "llm2clip/tokenizer.h"

namespace llm2clip::detail {

/// The member of a JSON object that names an input: `"id":"a.jpg"`, or `"id_base64":"..."` for
/// bytes that are not UTF-8 (file names may be anything). Without the braces around it.
LLM2CLIP_API std::string json_id(std::string_view id);

/// As RFC 4648 has it.
LLM2CLIP_API std::string base64(std::string_view bytes);

/// Back again, of text with padding and nothing else in it. Empty: it is no base64.
LLM2CLIP_API std::optional<std::vector<std::uint8_t>> decode_base64(std::string_view text);

/// JSON text on one line for those, too, who take U+0085, U+2028 and U+2029 for the end of one, as
/// Python's splitlines does: they are written as escapes, which are read back as what they are.
/// Inline, because the half of the program that parses flags is not linked with the library.
inline std::string escape_line_ends(std::string json) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kEnds = {
      {{"\xC2\x85", "\\u0085"}, {"\xE2\x80\xA8", "\\u2028"}, {"\xE2\x80\xA9", "\\u2029"}}};
  for (const auto& [end, escape] : kEnds) {  // they stand in strings alone
    for (std::size_t at = 0; (at = json.find(end, at)) != json.npos; at += escape.size()) {
      json.replace(at, end.size(), escape);
    }
  }
  return json;
}

/// A line of a file of failed inputs, with its end: {"index":3,"id":"a.jpg","stage":"read",...}.
LLM2CLIP_API std::string error_line(std::uint64_t index, std::string_view id,
                                    const RunFailure& failure);

/// Tokens above which a text loses its end.
inline int longest_text(const TokenizerOptions& options) {
  return std::min(options.max_tokens, options.doc_max_length);
}

/// The error of a text with the place of the input for the argument's name.
inline Error at_place(const std::string& place, const Error& error) {
  std::string_view words = error.what();
  constexpr std::string_view kArgument = "text: ";
  if (words.starts_with(kArgument)) words.remove_prefix(kArgument.size());
  return Error(error.kind(), place + ": " + std::string(words));
}

/// Throws Error(io) when no file can be written there: the folder is missing or not writable, or
/// `path` is a device, a pipe, or links in a circle. A link is followed, to a file that is there or
/// not.
LLM2CLIP_API void check_output_path(const std::filesystem::path& path);

/// The file that is written when `path` is: where it is a link, what that leads to, whether it is
/// there or not. Throws Error(io) for links in a circle.
LLM2CLIP_API std::filesystem::path output_target(const std::filesystem::path& path);

/// Writes `bytes`; the file appears whole or not at all. Throws Error(io).
LLM2CLIP_API void write_file(const std::filesystem::path& path,
                             std::span<const std::uint8_t> bytes);

}  // namespace llm2clip::detail
