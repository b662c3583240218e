#include "c/embed_inputs.h"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "c/arguments.h"
#include "c/handles.h"
#include "c/summary.h"

namespace llm2clip::c {
namespace {

using SharedImage = std::shared_ptr<const Image>;

// What a source may give none of, or one.
void check_one_kind(bool first, bool inputs, bool next) {
  if (first + inputs + next > 1) refuse("source", "has inputs of more than one kind");
}

std::optional<std::uint64_t> total_of(std::uint64_t total) {
  return total == 0 ? std::nullopt : std::optional(total);
}

// ---- Images

SharedImage image_of(const llm2clip_image_input& input) {
  return input.image ? object_of(input.image, "image") : nullptr;
}

ImageInput::Content content_of(const llm2clip_image_input& input, const SharedImage& image) {
  const bool path = input.path.length > 0;
  const bool bytes = input.bytes || input.byte_count > 0;
  if (path + bytes + (image != nullptr) != 1) {
    refuse("input", "has " + std::string(path || bytes || image ? "more than one" : "none") +
                        " of path, bytes and image");
  }
  if (path) return path_of(input.path.data, input.path.length, "path");
  if (image) return *image;
  const auto content = array_of(input.bytes, input.byte_count, "bytes");
  return std::vector<std::uint8_t>(content.begin(), content.end());
}

ImageInput input_of(const llm2clip_image_input& input, const SharedImage& image) {
  ImageInput result{.id = std::string(text_of(input.id, "id")),
                    .failure = failure_of(input.failure, "failure"),
                    .identity = std::string(text_of(input.identity, "identity")),
                    .stamp = std::string(text_of(input.stamp, "stamp"))};
  if (result.id.empty()) result.id = text_of(input.path, "path");
  if (!result.failure) result.content = content_of(input, image);
  return result;
}

ImageSource paths_of(const llm2clip_image_source& source) {
  const auto paths = array_of(source.paths, source.path_count, "paths");
  for (const llm2clip_string& path : paths) path_of(path.data, path.length, "paths");
  const auto next = [paths, at = std::size_t{0}]() mutable -> std::optional<ImageInput> {
    if (at == paths.size()) return std::nullopt;
    const llm2clip_string& path = paths[at++];
    return to_input(std::type_identity<ImageInput>(), path_of(path.data, path.length, "paths"));
  };
  return {next, paths.size()};
}

ImageSource inputs_of(const llm2clip_image_source& source) {
  const auto inputs = array_of(source.inputs, source.input_count, "inputs");
  auto images = std::make_shared<std::vector<SharedImage>>();
  images->reserve(inputs.size());
  for (const llm2clip_image_input& input : inputs) images->push_back(image_of(input));
  const auto next = [inputs, images, at = std::size_t{0}]() mutable -> std::optional<ImageInput> {
    if (at == inputs.size()) return std::nullopt;
    const SharedImage image = std::move((*images)[at]);
    return input_of(inputs[at++], image);
  };
  return {next, inputs.size()};
}

ImageSource called(const llm2clip_image_source& source) {
  const auto next = [next = source.next,
                     user_data = source.user_data]() -> std::optional<ImageInput> {
    llm2clip_image_input input{};
    if (!next(&input, user_data)) return std::nullopt;
    return input_of(input, image_of(input));
  };
  return {next, total_of(source.total)};
}

// ---- Texts

TextInput input_of(const llm2clip_text_input& input) {
  TextInput result{.id = std::string(text_of(input.id, "id")),
                   .text = std::string(text_of(input.text, "text")),
                   .place = std::string(text_of(input.place, "place")),
                   .failure = failure_of(input.failure, "failure")};
  if (result.id.empty()) result.id = result.text;
  return result;
}

TextSource texts_of(const llm2clip_text_source& source) {
  const auto texts = array_of(source.texts, source.text_count, "texts");
  for (const llm2clip_string& text : texts) text_of(text, "texts");
  const auto next = [texts, at = std::size_t{0}]() mutable -> std::optional<TextInput> {
    if (at == texts.size()) return std::nullopt;
    return to_input(std::type_identity<TextInput>(), text_of(texts[at++], "texts"));
  };
  return {next, texts.size()};
}

TextSource inputs_of(const llm2clip_text_source& source) {
  const auto inputs = array_of(source.inputs, source.input_count, "inputs");
  const auto next = [inputs, at = std::size_t{0}]() mutable -> std::optional<TextInput> {
    if (at == inputs.size()) return std::nullopt;
    return input_of(inputs[at++]);
  };
  return {next, inputs.size()};
}

TextSource called(const llm2clip_text_source& source) {
  const auto next = [next = source.next,
                     user_data = source.user_data]() -> std::optional<TextInput> {
    llm2clip_text_input input{};
    if (!next(&input, user_data)) return std::nullopt;
    return input_of(input);
  };
  return {next, total_of(source.total)};
}

}  // namespace

ImageSource source_of(const llm2clip_image_source* source) {
  if (!source) refuse("source", "NULL where a struct is expected");
  const bool inputs = source->inputs || source->input_count > 0;
  check_one_kind(source->paths || source->path_count > 0, inputs, source->next);
  if (source->next) return called(*source);
  return inputs ? inputs_of(*source) : paths_of(*source);
}

TextSource source_of(const llm2clip_text_source* source) {
  if (!source) refuse("source", "NULL where a struct is expected");
  const bool inputs = source->inputs || source->input_count > 0;
  check_one_kind(source->texts || source->text_count > 0, inputs, source->next);
  if (source->next) return called(*source);
  return inputs ? inputs_of(*source) : texts_of(*source);
}

}  // namespace llm2clip::c
