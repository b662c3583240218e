#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace llm2clip {

/// A tokenizer.json taken apart. The two large parts, hundreds of thousands of entries, go to plain
/// vectors as they are read; the rest is small.
struct TokenizerJson {
  struct VocabularyEntry {
    std::string key;
    std::uint32_t id = 0;
  };
  struct MergeEntry {
    std::string left;
    std::string right;
  };

  nlohmann::json rest;                      ///< model.vocab and model.merges left empty
  std::vector<VocabularyEntry> vocabulary;  ///< model.vocab, in the file's order
  std::vector<MergeEntry> merges;           ///< model.merges, either spelling, in rank order
};

/// Throws Error(bad_model, "<name>: ...") for what is not JSON, has duplicate keys or more than 64
/// levels, and for a vocabulary or merges of another form. Duplicates in the vocabulary are left to
/// the caller, who makes a table of it anyway.
TokenizerJson parse_tokenizer_json(std::string_view text, const std::string& name);

/// A piece of a file for an error message: in quotes, short, one line.
std::string in_quotes(std::string_view text);

}  // namespace llm2clip
