#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "text/bpe/pretokenize.h"

namespace llm2clip {

/// What a tokenizer.json of byte-level BPE says besides its vocabulary and merges.
struct BpeSettings {
  struct AddedToken {
    std::string content;
    std::int64_t id = 0;
    bool special = true;  ///< otherwise a word that is kept whole
  };

  bool ignore_merges = false;  ///< a piece that is in the vocabulary is not taken apart
  /// Stands for a byte that the vocabulary lacks, which is left out where this is empty.
  std::optional<std::string> unk_token;
  bool fuse_unk = false;  ///< neighboring bytes that are lacking get one unk_token together
  SplitPattern pattern;
  std::vector<AddedToken> added_tokens;  ///< in the file's order; contents not empty, all different
  std::vector<std::int64_t> beginning;   ///< ids that the template puts before a text
};

/// Reads `rest` of a TokenizerJson. Whatever would make the reference's ids differ from ours, and
/// whatever is not known here, is Error(bad_model) naming file and field.
BpeSettings read_bpe_settings(const nlohmann::json& rest, const std::string& name);

}  // namespace llm2clip
