#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace llm2clip {

/// What a tokenizer file is, by its content.
enum class TokenizerKind { byte_level_bpe, sentencepiece };

/// The bytes of a tokenizer file. Throws Error(bad_model) for what is not a regular file, cannot be
/// read, is empty or has more than 64 MiB.
std::string read_tokenizer_file(const std::filesystem::path& path);

/// Throws Error(bad_model) for kinds of file that are met by mistake, saying what to do.
TokenizerKind kind_of_tokenizer(std::string_view bytes, const std::string& name);

}  // namespace llm2clip
