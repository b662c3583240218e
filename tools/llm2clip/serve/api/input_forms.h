#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <variant>
#include <vector>

namespace llm2clip::serve {

/// Where an image is on another server, for whom it may be fetched.
struct ImageUrl {
  std::string url;  ///< begins with http: or https:, and nothing else of it was looked at
};

/// A text in UTF-8, or the file of an image, or where that is, as a request has it.
struct ApiInput {
  std::variant<std::string, std::vector<std::uint8_t>, ImageUrl> content;
  std::string name;  ///< what messages call it: "input[3]"

  bool is_image() const { return content.index() != 0; }
};

/// What one request may bring.
inline constexpr std::size_t kMostTexts = 2048;
inline constexpr std::size_t kMostImages = 32;
inline constexpr std::size_t kMostTextBytes = 1u << 20;

/// The inputs of an embeddings request, in every form that OpenAI's clients and those of vLLM and
/// infinity send: "input" as a string, a list of strings, of data URIs beside "modality": "image",
/// or of {"content": [{"type": "text"|"image_url", ...}]}; or "messages" with one such message.
/// Strings are moved out of `body`. Throws ApiError(400) or (413) for anything else.
std::vector<ApiInput> inputs_of(nlohmann::json& body);

/// A string that is a text or a list of them. Throws as inputs_of.
std::vector<ApiInput> texts_of(nlohmann::json& value, const std::string& name);
/// A data URI, or a list of them. Throws as inputs_of.
std::vector<ApiInput> images_of(nlohmann::json& value, const std::string& name);
/// A list of objects whose one content is a text or an image. Throws as inputs_of.
std::vector<ApiInput> contents_of(nlohmann::json& value, const std::string& name);
/// The file in data:image/...;base64,..., or the address of one. Throws ApiError(400).
ApiInput image_of(const std::string& uri, const std::string& name);

}  // namespace llm2clip::serve
