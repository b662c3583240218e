#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "llm2clip/embeddings.h"

namespace llm2clip::serve {

/// Appends [0.1,-0.2,...]: the fewest digits that are read back as the same float32.
void append_numbers(std::string& json, std::span<const float> row);
/// Appends "...": the row's float32, little-endian, in base64.
void append_base64(std::string& json, std::span<const float> row);

/// [row,row,...], each as one of the two above.
std::string rows_json(const Embeddings& rows, void (*append)(std::string&, std::span<const float>));

/// The answer of OpenAI's embeddings: a list of rows, in order, and what they took.
std::string embeddings_answer(const Embeddings& rows, bool base64, std::string_view model,
                              std::size_t tokens);

}  // namespace llm2clip::serve
