#include "llm2clip/tokenizer.h"

#include "c/arguments.h"
#include "c/handles.h"
#include "c/options.h"

using namespace llm2clip;
using namespace llm2clip::c;

llm2clip_status llm2clip_tokenizer_load(const char* path, size_t path_length,
                                        const llm2clip_tokenizer_options* options,
                                        llm2clip_tokenizer** tokenizer) {
  return give(tokenizer, [&] {
    return Tokenizer::load(path_of(path, path_length, "path"), tokenizer_options_of(options));
  });
}

llm2clip_status llm2clip_tokenizer_parse(const char* content, size_t content_length,
                                         const char* name, size_t name_length,
                                         const llm2clip_tokenizer_options* options,
                                         llm2clip_tokenizer** tokenizer) {
  return give(tokenizer, [&] {
    return Tokenizer::parse(text_of(content, content_length, "content"),
                            std::string(text_of(name, name_length, "name")),
                            tokenizer_options_of(options));
  });
}

llm2clip_status llm2clip_tokenizer_load_of_model(const char* directory, size_t directory_length,
                                                 llm2clip_special_tokens special_tokens,
                                                 llm2clip_tokenizer** tokenizer) {
  return give(tokenizer, [&] {
    return load_tokenizer(path_of(directory, directory_length, "directory"),
                          special_tokens_of(special_tokens));
  });
}

llm2clip_status llm2clip_model_tokenizer(const llm2clip_model* model,
                                         llm2clip_tokenizer** tokenizer) {
  return give(tokenizer, [&] {
    const auto loaded = object_of(model, "model");
    // Counts as a use of the model, which owns it.
    return std::shared_ptr<const Tokenizer>(loaded, &loaded->tokenizer());
  });
}

llm2clip_status llm2clip_tokenizer_encode(const llm2clip_tokenizer* tokenizer, const char* text,
                                          size_t text_length, llm2clip_tokens** tokens) {
  return give(tokens, [&] {
    return object_of(tokenizer, "tokenizer")->encode(text_of(text, text_length, "text"));
  });
}

llm2clip_status llm2clip_tokenizer_encode_raw(const llm2clip_tokenizer* tokenizer, const char* text,
                                              size_t text_length, llm2clip_tokens** tokens) {
  return give(tokens, [&] {
    return Tokens{
        .ids = object_of(tokenizer, "tokenizer")->encode_raw(text_of(text, text_length, "text"))};
  });
}

llm2clip_status llm2clip_tokenizer_piece(const llm2clip_tokenizer* tokenizer, int64_t id,
                                         llm2clip_bytes** piece) {
  return give(piece, [&] { return object_of(tokenizer, "tokenizer")->piece(id); });
}

llm2clip_status llm2clip_tokenizer_vocabulary_size(const llm2clip_tokenizer* tokenizer,
                                                   int64_t* size) {
  return guarded([&] { put(size, object_of(tokenizer, "tokenizer")->vocabulary_size(), "size"); });
}

llm2clip_status llm2clip_tokenizer_get_options(const llm2clip_tokenizer* tokenizer,
                                               llm2clip_tokenizer_options* options,
                                               size_t struct_size) {
  return guarded([&] {
    const auto object = object_of(tokenizer, "tokenizer");
    write_struct(options, struct_size, to_c(object->options()), "options");
  });
}

llm2clip_status llm2clip_tokenizer_free(llm2clip_tokenizer* tokenizer) {
  return free_handle(tokenizer);
}

llm2clip_status llm2clip_tokens_from_ids(const int64_t* ids, size_t id_count, int32_t pooled,
                                         llm2clip_tokens** tokens) {
  return give(tokens, [&] {
    const auto given = array_of(ids, id_count, "ids");
    return Tokens{.ids = {given.begin(), given.end()}, .pooled = pooled};
  });
}

llm2clip_status llm2clip_tokens_view(const llm2clip_tokens* tokens, const int64_t** ids,
                                     size_t* id_count, int32_t* pooled, bool* truncated) {
  return guarded([&] {
    const auto text = object_of(tokens, "tokens");
    if (ids) *ids = text->ids.data();
    if (id_count) *id_count = text->ids.size();
    if (pooled) *pooled = text->pooled;
    if (truncated) *truncated = text->truncated;
  });
}

llm2clip_status llm2clip_tokens_free(llm2clip_tokens* tokens) { return free_handle(tokens); }
