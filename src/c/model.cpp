#include "llm2clip/model.h"

#include "c/arguments.h"
#include "c/handles.h"
#include "c/options.h"
#include "c/strings.h"

namespace llm2clip::c {
namespace {

llm2clip_model_properties properties_of(const Model& model) {
  const ModelInfo& info = model.info();
  return {.struct_size = sizeof(llm2clip_model_properties),
          .name = borrowed(info.name),
          .device = borrowed(model.device()),
          .dim = info.dim,
          .text_width = info.text ? info.text_width : 0,
          .image_size = info.vision ? info.preprocess.image_size : 0,
          .max_tokens = info.text ? info.tokenizer.max_tokens : 0,
          .score_scale = info.score_scale};
}

// `loaded` lends its strings and lives as long as the model; `now` says what is occupied now.
llm2clip_part part_of(const std::optional<LoadedPart>& loaded,
                      const std::optional<LoadedPart>& now) {
  llm2clip_part part{};
  part.struct_size = sizeof part;
  if (!loaded || !now) return part;
  part.loaded = true;
  part.file = borrowed(loaded->file);
  part.stored_precision = borrowed(loaded->stored_precision);
  part.precision = borrowed(loaded->precision);
  part.precision_reason = borrowed(loaded->precision_reason);
  part.device = borrowed(loaded->device);
  part.optimized = borrowed(loaded->optimized);
  part.mapped_bytes = now->memory.mapped_bytes;
  part.copied_bytes = now->memory.copied_bytes;
  part.peak_scratch_bytes = now->memory.peak_scratch_bytes.value_or(0);
  part.peak_scratch_known = now->memory.peak_scratch_bytes.has_value();
  return part;
}

llm2clip_part part_of(const LoadedModel& model, llm2clip_part_kind kind) {
  switch (kind) {
    case LLM2CLIP_PART_VISION:
      return part_of(model.vision_part, model.vision());
    case LLM2CLIP_PART_TEXT:
      return part_of(model.text_part, model.text());
    case LLM2CLIP_PART_ADAPTER:
      return part_of(model.adapter_part, model.adapter());
    default:
      refuse("kind", "no part has the number " + std::to_string(kind));
  }
}

}  // namespace
}  // namespace llm2clip::c

using namespace llm2clip;
using namespace llm2clip::c;

llm2clip_status llm2clip_model_load(const char* directory, size_t directory_length,
                                    const llm2clip_load_options* options, llm2clip_model** model) {
  return give(model, [&] {
    return LoadedModel(
        Model::load(path_of(directory, directory_length, "directory"), load_options_of(options)));
  });
}

llm2clip_status llm2clip_model_load_files(const llm2clip_model_file* files, size_t file_count,
                                          const llm2clip_load_options* options,
                                          llm2clip_model** model) {
  return give(model, [&] {
    std::vector<ModelFile> loaded;
    for (const llm2clip_model_file& file : array_of(files, file_count, "files")) {
      loaded.push_back({std::string(text_of(file.name, "name")),
                        std::as_bytes(array_of(file.bytes, file.byte_count, "bytes"))});
    }
    return LoadedModel(Model::load(loaded, load_options_of(options)));
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

llm2clip_status llm2clip_model_get_part(const llm2clip_model* model, llm2clip_part_kind kind,
                                        llm2clip_part* part, size_t struct_size) {
  return guarded(
      [&] { write_struct(part, struct_size, part_of(*object_of(model, "model"), kind), "part"); });
}

llm2clip_status llm2clip_model_info_json(const llm2clip_model* model, llm2clip_bytes** json) {
  return give(json, [&] { return to_json(object_of(model, "model")->info()); });
}

llm2clip_status llm2clip_read_model_info_json(const char* directory, size_t directory_length,
                                              llm2clip_bytes** json) {
  return give(json, [&] {
    return to_json(read_model_info(path_of(directory, directory_length, "directory")));
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
    return loaded->encode_images(pointers, encode_options_of(options));
  });
}

llm2clip_status llm2clip_encode_texts(const llm2clip_model* model, const llm2clip_string* texts,
                                      size_t text_count, const llm2clip_encode_options* options,
                                      llm2clip_embeddings** embeddings) {
  return give(embeddings, [&] {
    const auto loaded = object_of(model, "model");
    return loaded->encode_texts(views_of(texts, text_count, "texts"), encode_options_of(options));
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

llm2clip_status llm2clip_encode_pixels(const llm2clip_model* model, const float* pixels,
                                       size_t pixel_count, const llm2clip_encode_options* options,
                                       llm2clip_embeddings** embeddings) {
  return give(embeddings, [&] {
    const auto loaded = object_of(model, "model");
    return loaded->encode_pixels(array_of(pixels, pixel_count, "pixels"),
                                 encode_options_of(options));
  });
}
