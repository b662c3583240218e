#pragma once

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "llm2clip/tokenizer.h"
#include "support/scratch.h"
#include "text/utf8.h"

namespace llm2clip::testing {

/// Bytes as GPT-2 spells them in a vocabulary.
inline std::string byte_level(const std::string& bytes) {
  std::string key;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    std::uint32_t code_point = byte;
    if (byte <= 32) {
      code_point = 0x100U + byte;
    } else if (byte >= 127 && byte <= 160) {
      code_point = 0x121U + (byte - 127U);
    } else if (byte == 173) {
      code_point = 0x143;
    }
    append_utf8(key, code_point);
  }
  return key;
}

/// The merges of the small tokenizer, best first; ids from 256 on.
inline const std::vector<std::pair<std::string, std::string>>& small_merges() {
  static const std::vector<std::pair<std::string, std::string>> kMerges = {
      {"\n", "\n"}, {"h", "e"}, {"l", "l"},     {"he", "ll"},     {"hell", "o"},
      {"a", "b"},   {" ", "w"}, {"\n\n", "\n"}, {"\xE7", "\x8C"}, {"b", "c"},
  };
  return kMerges;
}

/// Ids of the four special tokens of the small tokenizer.
struct SmallSpecials {
  static constexpr std::int64_t begin = 266, start = 267, end = 268, eot = 269;
};

/// The tokenizer.json of the small tokenizer: all bytes under their own numbers, the merges, the
/// specials of the Llama-3 prompt, Llama 3's pattern and template.
inline nlohmann::json small_tokenizer_json() {
  using nlohmann::json;
  json vocab = json::object(), merges = json::array(), added = json::array();
  for (int byte = 0; byte < 256; ++byte) vocab[byte_level({static_cast<char>(byte)})] = byte;
  int id = 256;
  for (const auto& [left, right] : small_merges()) {
    vocab[byte_level(left + right)] = id++;
    merges.push_back(byte_level(left) + " " + byte_level(right));
  }
  for (const char* content :
       {"<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"}) {
    added.push_back({{"id", id++},
                     {"content", content},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
  }
  json file = json::parse(R"({
    "version": "1.0", "truncation": null, "padding": null, "normalizer": null,
    "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
      {"type": "Split", "pattern": {"Regex": ""}, "behavior": "Isolated", "invert": false},
      {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}]},
    "post_processor": {"type": "Sequence", "processors": [
      {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false, "use_regex": true},
      {"type": "TemplateProcessing",
       "single": [{"SpecialToken": {"id": "<|begin_of_text|>", "type_id": 0}},
                  {"Sequence": {"id": "A", "type_id": 0}}],
       "pair": [],
       "special_tokens": {"<|begin_of_text|>": {"id": "<|begin_of_text|>", "ids": [266],
                                                "tokens": ["<|begin_of_text|>"]}}}]},
    "decoder": {"type": "ByteLevel"},
    "model": {"type": "BPE", "dropout": null, "unk_token": null,
              "continuing_subword_prefix": null, "end_of_word_suffix": null, "fuse_unk": false,
              "byte_fallback": false, "ignore_merges": true}})");
  file["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] =
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  file["added_tokens"] = added;
  file["model"]["vocab"] = vocab;
  file["model"]["merges"] = merges;
  return file;
}

/// Loads what `json` describes.
inline Tokenizer load_json(const nlohmann::json& json, const TokenizerOptions& options = {}) {
  const Scratch folder;
  return Tokenizer::load(folder.write("tokenizer.json", json.dump()), options);
}

inline Tokenizer small_tokenizer(const TokenizerOptions& options = {}) {
  return load_json(small_tokenizer_json(), options);
}

}  // namespace llm2clip::testing
