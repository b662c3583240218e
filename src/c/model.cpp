#include "llm2clip/model.h"

#include <nlohmann/json.hpp>

#include "c/arguments.h"
#include "c/handles.h"
#include "c/options.h"
#include "c/strings.h"

namespace llm2clip::c {
namespace {

using Json = nlohmann::ordered_json;

Json part_json(const PartInfo& part) {
  return {{"file", part.file},     {"precision", part.precision},   {"bytes", part.bytes},
          {"sha256", part.sha256}, {"repository", part.repository}, {"revision", part.revision}};
}

const char* passes_name(ResizePasses passes) {
  switch (passes) {
    case ResizePasses::pillow_11:
      return "pillow-11";
    case ResizePasses::pillow_12_2:
      return "pillow-12.2";
    case ResizePasses::pillow_13:
      return "pillow-13";
  }
  return "";
}

Json vision_json(const ModelInfo& info) {
  Json json = part_json(*info.vision);
  json["image_size"] = info.preprocess.image_size;
  json["order"] = info.preprocess.order == PreprocessOrder::hf ? "hf" : "torchvision";
  json["resize_passes"] = passes_name(info.preprocess.resize_passes);
  json["mean"] = info.preprocess.mean;
  json["std"] = info.preprocess.std;
  return json;
}

Json text_json(const ModelInfo& info) {
  Json json = part_json(*info.text);
  json["width"] = info.text_width;
  json["tokenizer"] = info.tokenizer_file;
  json["max_tokens"] = info.tokenizer.max_tokens;
  json["prompt"] = {{"prefix", info.tokenizer.prompt.prefix},
                    {"suffix", info.tokenizer.prompt.suffix},
                    {"separator", info.tokenizer.prompt.separator}};
  return json;
}

std::string info_json(const ModelInfo& info) {
  Json json = {{"name", info.name},
               {"embedding_dim", info.dim},
               {"score_scale", info.score_scale},
               {"manifest_sha256", info.manifest_sha256}};
  if (info.vision) json["vision"] = vision_json(info);
  if (info.text) json["text"] = text_json(info);
  if (info.adapter) json["adapter"] = part_json(*info.adapter);
  json["created_with"] = Json::object();
  for (const auto& [program, version] : info.created_with) json["created_with"][program] = version;
  return json.dump();
}

llm2clip_model_properties properties_of(const Model& model) {
  const ModelInfo& info = model.info();
  return {.struct_size = sizeof(llm2clip_model_properties),
          .name = borrowed(info.name),
          .device = borrowed(model.device()),
          .vision_precision = borrowed(model.vision_precision()),
          .text_precision = borrowed(model.text_precision()),
          .dim = info.dim,
          .text_width = info.text ? info.text_width : 0,
          .image_size = info.vision ? info.preprocess.image_size : 0,
          .max_tokens = info.text ? info.tokenizer.max_tokens : 0,
          .score_scale = info.score_scale,
          .vision_optimized = borrowed(model.vision_optimized()),
          .text_optimized = borrowed(model.text_optimized()),
          .vision_precision_reason = borrowed(model.vision_precision_reason()),
          .text_precision_reason = borrowed(model.text_precision_reason())};
}

llm2clip_part_memory to_c(const PartMemory& memory) {
  return {.mapped_bytes = memory.mapped_bytes,
          .copied_bytes = memory.copied_bytes,
          .peak_scratch_bytes = memory.peak_scratch_bytes.value_or(0),
          .peak_scratch_known = memory.peak_scratch_bytes.has_value()};
}

}  // namespace
}  // namespace llm2clip::c

using namespace llm2clip;
using namespace llm2clip::c;

llm2clip_status llm2clip_model_load(const char* directory, size_t directory_length,
                                    const llm2clip_load_options* options, llm2clip_model** model) {
  return give(model, [&] {
    return Model::load(path_of(directory, directory_length, "directory"), load_options_of(options));
  });
}

llm2clip_status llm2clip_model_free(llm2clip_model* model) { return free_handle(model); }

llm2clip_status llm2clip_model_get_properties(const llm2clip_model* model,
                                              llm2clip_model_properties* properties,
                                              size_t struct_size) {
  return guarded([&] {
    write_struct(properties, struct_size, properties_of(*object_of(model, "model")), "properties");
  });
}

llm2clip_status llm2clip_model_memory(const llm2clip_model* model, llm2clip_memory* memory,
                                      size_t struct_size) {
  return guarded([&] {
    const MemoryStatistics statistics = object_of(model, "model")->memory();
    const llm2clip_memory result{.struct_size = sizeof(llm2clip_memory),
                                 .vision = to_c(statistics.vision),
                                 .text = to_c(statistics.text),
                                 .adapter = to_c(statistics.adapter)};
    write_struct(memory, struct_size, result, "memory");
  });
}

llm2clip_status llm2clip_model_info_json(const llm2clip_model* model, llm2clip_bytes** json) {
  return give(json, [&] { return info_json(object_of(model, "model")->info()); });
}

llm2clip_status llm2clip_read_model_info_json(const char* directory, size_t directory_length,
                                              llm2clip_bytes** json) {
  return give(json, [&] {
    return info_json(read_model_info(path_of(directory, directory_length, "directory")));
  });
}

llm2clip_status llm2clip_choose_precision(const char* stored, size_t stored_length,
                                          const llm2clip_load_options* options, bool* slow,
                                          llm2clip_strings** choice) {
  return give(choice, [&] {
    PartInfo part;
    part.precision = text_of(stored, stored_length, "stored");
    PrecisionChoice chosen = choose_precision(part, load_options_of(options));
    put(slow, chosen.slow, "slow");
    return std::make_shared<const Strings>(
        std::vector<std::string>{std::move(chosen.precision), std::move(chosen.why)});
  });
}

llm2clip_status llm2clip_encode_images(const llm2clip_model* model,
                                       const llm2clip_image* const* images, size_t image_count,
                                       const llm2clip_encode_options* options,
                                       llm2clip_embeddings** embeddings) {
  return give(embeddings, [&] {
    const auto loaded = object_of(model, "model");
    const auto held = objects_of(array_of(images, image_count, "images"), "images");
    std::vector<const Image*> pointers;
    for (const auto& image : held) pointers.push_back(image.get());
    return loaded->encode_image_pointers(pointers, encode_options_of(options));
  });
}

llm2clip_status llm2clip_encode_texts(const llm2clip_model* model, const llm2clip_string* texts,
                                      size_t text_count, const llm2clip_encode_options* options,
                                      llm2clip_embeddings** embeddings) {
  return give(embeddings, [&] {
    const auto loaded = object_of(model, "model");
    return loaded->encode_texts(texts_of(texts, text_count, "texts"), encode_options_of(options));
  });
}

llm2clip_status llm2clip_encode_tokens(const llm2clip_model* model,
                                       const llm2clip_tokens* const* texts, size_t text_count,
                                       const llm2clip_encode_options* options,
                                       llm2clip_embeddings** embeddings) {
  return give(embeddings, [&] {
    const auto loaded = object_of(model, "model");
    std::vector<Tokens> tokens;
    for (const auto& text : objects_of(array_of(texts, text_count, "texts"), "texts")) {
      tokens.push_back(*text);
    }
    return loaded->encode_tokens(tokens, encode_options_of(options));
  });
}

llm2clip_status llm2clip_encode_crops(const llm2clip_model* model, const uint8_t* crops,
                                      size_t byte_count, const llm2clip_encode_options* options,
                                      llm2clip_embeddings** embeddings) {
  return give(embeddings, [&] {
    const auto loaded = object_of(model, "model");
    return loaded->encode_crops(array_of(crops, byte_count, "crops"), encode_options_of(options));
  });
}
