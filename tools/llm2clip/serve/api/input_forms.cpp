#include "serve/api/input_forms.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "llm2clip/detail/command_line.h"
#include "serve/api/api_error.h"
#include "serve/api/json_body.h"

namespace llm2clip::serve {
namespace {

using nlohmann::json;

[[noreturn]] void refuse_tokens(const std::string& name) {
  throw bad_request(name, name +
                              ": texts are expected, not token ids, which are those of another "
                              "model; langchain sends texts with check_embedding_ctx_length=False");
}

std::string place_in(const std::string& name, std::size_t index) {
  return name + "[" + std::to_string(index) + "]";
}

ApiInput text_of(json& value, const std::string& name) {
  if (value.is_number() || value.is_array()) refuse_tokens(name);
  if (!value.is_string()) {
    throw bad_request(name, name + ": a string is expected, not " + value.type_name());
  }
  std::string text = std::move(value.get_ref<std::string&>());
  if (text.size() > kMostTextBytes) {
    throw too_large(name, name + ": has more than " + std::to_string(kMostTextBytes) + " bytes");
  }
  return {std::move(text), name};
}

ApiInput image_in(json& value, const std::string& name) {
  if (!value.is_string()) {
    throw bad_request(name, name + ": a data URI is expected, not " + value.type_name());
  }
  return image_of(value.get_ref<const std::string&>(), name);
}

void check_count(std::size_t count, std::size_t most, const char* what, const std::string& name) {
  if (count <= most) return;
  throw too_large(name, name + ": has more than " + std::to_string(most) + " " + what);
}

void check_counts(const std::vector<ApiInput>& inputs, const std::string& name) {
  if (inputs.empty()) throw bad_request(name, name + ": at least one is expected");
  const auto images = std::count_if(inputs.begin(), inputs.end(),
                                    [](const ApiInput& input) { return input.is_image(); });
  check_count(static_cast<std::size_t>(images), kMostImages, "images", name);
  check_count(inputs.size(), kMostTexts, "inputs", name);
}

template <typename Take>
std::vector<ApiInput> one_or_list(json& value, const std::string& name, const Take& take) {
  std::vector<ApiInput> inputs;
  if (!value.is_array()) {
    inputs.push_back(take(value, name));
    return inputs;
  }
  check_count(value.size(), kMostTexts, "inputs", name);
  for (std::size_t i = 0; i < value.size(); ++i) {
    inputs.push_back(take(value[i], place_in(name, i)));
  }
  check_counts(inputs, name);
  return inputs;
}

// {"type": "text", "text": ...} or {"type": "image_url", "image_url": {"url": ...}}
ApiInput part_of(json& part, const std::string& name) {
  const std::string type = part.is_object() ? optional_string(part, "type").value_or("") : "";
  if (type == "text") {
    json* text = find_member(part, "text");
    if (text != nullptr) return text_of(*text, name);
  }
  if (type == "image_url") {
    json* url = find_member(part, "image_url");
    if (url != nullptr && url->is_object()) url = find_member(*url, "url");
    if (url != nullptr) return image_in(*url, name);
  }
  throw bad_request(name, name +
                              ": {\"type\": \"text\", \"text\": ...} or {\"type\": \"image_url\", "
                              "\"image_url\": {\"url\": ...}} is expected");
}

ApiInput content_of(json& value, const std::string& name) {
  json* content = value.is_object() ? find_member(value, "content") : nullptr;
  if (content == nullptr) {
    throw bad_request(name, name + ": a string, or an object with \"content\", is expected");
  }
  const std::string place = name + ".content";
  if (content->is_string()) return text_of(*content, place);
  if (!content->is_array() || content->size() != 1) {
    throw bad_request(place, place +
                                 ": one text or one image is expected; an embedding stands for one "
                                 "of them, never for both");
  }
  return part_of((*content)[0], place_in(place, 0));
}

ApiInput message_in(json& messages) {
  if (!messages.is_array() || messages.size() != 1) {
    throw bad_request("messages", "messages: a list of one message is expected");
  }
  return content_of(messages[0], "messages[0]");
}

}  // namespace

ApiInput image_of(const std::string& uri, const std::string& name) {
  constexpr std::string_view kMarker = ";base64,";
  if (uri.starts_with("http:") || uri.starts_with("https:")) return {ImageUrl{uri}, name};
  const std::size_t at = uri.starts_with("data:") ? uri.find(kMarker) : uri.npos;
  if (at == uri.npos) {
    throw bad_request(name, name + ": a data URI is expected: data:image/jpeg;base64,...");
  }
  auto bytes = detail::decode_base64(std::string_view(uri).substr(at + kMarker.size()));
  if (!bytes) throw bad_request(name, name + ": is not base64 after the comma");
  return {std::move(*bytes), name};
}

std::vector<ApiInput> texts_of(json& value, const std::string& name) {
  return one_or_list(value, name, text_of);
}

std::vector<ApiInput> images_of(json& value, const std::string& name) {
  if (value.is_array()) check_count(value.size(), kMostImages, "images", name);
  return one_or_list(value, name, image_in);
}

std::vector<ApiInput> contents_of(json& value, const std::string& name) {
  if (!value.is_array()) throw bad_request(name, name + ": a list is expected");
  return one_or_list(value, name, content_of);
}

std::vector<ApiInput> inputs_of(json& body) {
  json* input = find_member(body, "input");
  json* messages = find_member(body, "messages");
  if ((input == nullptr) == (messages == nullptr)) {
    throw bad_request("input", "input: expected, or messages in its place");
  }
  const std::string modality = optional_string(body, "modality").value_or("text");
  if (modality != "text" && modality != "image") {
    throw bad_request("modality", "modality: \"text\" or \"image\" is expected");
  }
  if (messages != nullptr) {
    std::vector<ApiInput> one;
    one.push_back(message_in(*messages));
    return one;
  }
  if (modality == "image") return images_of(*input, "input");
  const auto take = [](json& value, const std::string& name) {
    return value.is_object() ? content_of(value, name) : text_of(value, name);
  };
  return one_or_list(*input, "input", take);
}

}  // namespace llm2clip::serve
