#include <nlohmann/json.hpp>

#include "llm2clip/model.h"

namespace llm2clip {
namespace {

using Json = nlohmann::ordered_json;

Json quantized_json(const QuantizedInfo& quantized) {
  Json json = {{"size", quantized.size},
               {"kept", quantized.kept},
               {"kept_bytes", quantized.kept_bytes},
               {"least_cosine", quantized.least_cosine},
               {"median_cosine", quantized.median_cosine},
               {"matrices", Json::array()}};
  for (const StoredMatrix& matrix : quantized.matrices) {
    Json shown = {{"name", matrix.name}, {"bits", matrix.bits}};
    if (matrix.group > 0) shown["group"] = matrix.group;
    shown["loss"] = matrix.loss;
    json["matrices"].push_back(shown);
  }
  return json;
}

Json part_json(const PartInfo& part) {
  Json json = {
      {"file", part.file},     {"precision", part.precision},   {"bytes", part.bytes},
      {"sha256", part.sha256}, {"repository", part.repository}, {"revision", part.revision}};
  if (part.quantized) json["quantized"] = quantized_json(*part.quantized);
  return json;
}

Json vision_json(const ModelInfo& info) {
  Json json = part_json(*info.vision);
  json["image_size"] = info.preprocess.image_size;
  json["order"] = to_string(info.preprocess.order);
  json["resize_passes"] = to_string(info.preprocess.resize_passes);
  json["mean"] = info.preprocess.mean;
  json["std"] = info.preprocess.std;
  return json;
}

Json text_json(const ModelInfo& info) {
  Json json = part_json(*info.text);
  json["width"] = info.text_width;
  json["tokenizer"] = info.tokenizer_file;
  json["max_tokens"] = info.tokenizer.max_tokens;
  if (info.tokenizer.doc_max_length < info.tokenizer.max_tokens) {
    json["doc_max_length"] = info.tokenizer.doc_max_length;
  }
  json["prompt"] = {{"prefix", info.tokenizer.prompt.prefix},
                    {"suffix", info.tokenizer.prompt.suffix},
                    {"separator", info.tokenizer.prompt.separator}};
  return json;
}

}  // namespace

std::string to_json(const ModelInfo& info) {
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

}  // namespace llm2clip
