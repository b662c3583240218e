#include "support/tiny_model.h"

#include <torch/script.h>

#include <fstream>

#include "base/sha256.h"

namespace llm2clip::testing {
namespace {

torch::jit::Module define(const std::string& name,
                          const std::vector<std::pair<std::string, at::Tensor>>& parameters,
                          const std::string& forward) {
  torch::jit::Module module(name);
  for (const auto& [parameter, value] : parameters) {
    module.register_parameter(parameter, value, /*is_buffer=*/false);
  }
  module.define(forward);
  return module;
}

at::Tensor noise(at::IntArrayRef shape) { return torch::randn(shape) * 0.1; }

// Pixels times one matrix: (D, 3*S*S), 96 * 192 * 4 bytes = 72 KB, so it is bound.
void save_vision(const std::filesystem::path& path) {
  define("Vision", {{"weight", noise({kTinyDim, 3 * kTinyImageSize * kTinyImageSize})}},
         R"(
def forward(self, pixels):
    return torch.linear(pixels.flatten(1).to(self.weight.dtype), self.weight)
)")
      .save(path.string());
}

// Every state sees the mean of all states, so the tower is bidirectional; the embedding table of
// 300 * 64 * 4 bytes = 77 KB is bound, the gain is not.
void save_text(const std::filesystem::path& path) {
  define("Text", {{"embed", noise({300, kTinyTextWidth})}, {"gain", noise({kTinyTextWidth}) + 1.0}},
         R"(
def forward(self, token_ids):
    states = torch.embedding(self.embed, token_ids)
    mixed = states + torch.mean(states, dim=1, keepdim=True)
    return torch.tanh(mixed) * self.gain
)")
      .save(path.string());
}

void save_adapter(const std::filesystem::path& path) {
  define("Adapter", {{"weight", noise({kTinyDim, kTinyTextWidth})}, {"bias", noise({kTinyDim})}},
         R"(
def forward(self, captions):
    norm = torch.norm(captions, 2, [1], True)
    unit = captions / torch.clamp(norm, 1e-12)
    return torch.linear(unit.to(self.weight.dtype), self.weight, self.bias)
)")
      .save(path.string());
}

std::string utf8(int code_point) {
  if (code_point < 0x80) return {static_cast<char>(code_point)};
  return {static_cast<char>(0xC0 | (code_point >> 6)), static_cast<char>(0x80 | (code_point & 63))};
}

// One token a byte, named as GPT-2 names bytes; the specials of the Llama-3 prompt after them.
nlohmann::json tokenizer_json() {
  nlohmann::json vocabulary = nlohmann::json::object();
  int next_unprintable = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    const bool printable =
        (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || (byte >= 174 && byte <= 255);
    vocabulary[utf8(printable ? byte : next_unprintable++)] = byte;
  }
  nlohmann::json added = nlohmann::json::array();
  int id = 256;
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
  const char* pattern =
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| "
      "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  return {
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", added},
      {"normalizer", nullptr},
      {"pre_tokenizer",
       {{"type", "Sequence"},
        {"pretokenizers",
         {{{"type", "Split"},
           {"pattern", {{"Regex", pattern}}},
           {"behavior", "Isolated"},
           {"invert", false}},
          {{"type", "ByteLevel"},
           {"add_prefix_space", false},
           {"trim_offsets", true},
           {"use_regex", false}}}}}},
      {"post_processor",
       {{"type", "TemplateProcessing"},
        {"single",
         {{{"SpecialToken", {{"id", "<|begin_of_text|>"}, {"type_id", 0}}}},
          {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}},
        {"pair", nlohmann::json::array()},
        {"special_tokens",
         {{"<|begin_of_text|>",
           {{"id", "<|begin_of_text|>"}, {"ids", {256}}, {"tokens", {"<|begin_of_text|>"}}}}}}}},
      {"decoder",
       {{"type", "ByteLevel"},
        {"add_prefix_space", true},
        {"trim_offsets", true},
        {"use_regex", true}}},
      {"model",
       {{"type", "BPE"},
        {"dropout", nullptr},
        {"unk_token", nullptr},
        {"continuing_subword_prefix", nullptr},
        {"end_of_word_suffix", nullptr},
        {"fuse_unk", false},
        {"byte_fallback", false},
        {"ignore_merges", true},
        {"vocab", vocabulary},
        {"merges", nlohmann::json::array()}}}};
}

nlohmann::json manifest_json(const std::filesystem::path& directory) {
  const nlohmann::json source = {{"repository", "tests/tiny"}, {"revision", "0"}};
  nlohmann::json files = nlohmann::json::object();
  for (const char* name : {"vision.pt", "text.pt", "adapter.pt", "tokenizer.json"}) {
    files[name] = {{"bytes", std::filesystem::file_size(directory / name)},
                   {"sha256", sha256_of_file(directory / name)}};
  }
  return {{"format", 2},
          {"name", "tiny"},
          {"created_with", {{"tests", "1"}}},
          {"embedding_dim", kTinyDim},
          {"score_scale", 100.0},
          {"vision",
           {{"file", "vision.pt"},
            {"precision", "float32"},
            {"image_size", kTinyImageSize},
            {"mean", {0.5, 0.5, 0.5}},
            {"std", {0.25, 0.25, 0.25}},
            {"resize", "bicubic"},
            {"order", "hf"},
            {"source", source}}},
          {"text",
           {{"file", "text.pt"},
            {"precision", "float32"},
            {"width", kTinyTextWidth},
            {"max_tokens", 512},
            {"tokenizer", {{"file", "tokenizer.json"}, {"kind", "byte_level_bpe"}}},
            {"prompt",
             {{"prefix", "<|start_header_id|>user<|end_header_id|>\n\n"},
              {"suffix", "<|eot_id|>"},
              {"separator", "!@#$%^&*()"}}},
            {"pooling", "caption_and_suffix"},
            {"source", source}}},
          {"adapter",
           {{"file", "adapter.pt"},
            {"precision", "float32"},
            {"width", kTinyTextWidth},
            {"source", source}}},
          {"files", files}};
}

}  // namespace

void write_tiny_model(const std::filesystem::path& directory) {
  torch::manual_seed(1);
  save_vision(directory / "vision.pt");
  save_text(directory / "text.pt");
  save_adapter(directory / "adapter.pt");
  std::ofstream(directory / "tokenizer.json") << tokenizer_json().dump();
  std::ofstream(directory / "llm2clip.json") << manifest_json(directory).dump(2);
}

void edit_manifest(const std::filesystem::path& directory,
                   const std::function<void(nlohmann::json&)>& edit) {
  const std::filesystem::path path = directory / "llm2clip.json";
  nlohmann::json manifest = nlohmann::json::parse(std::ifstream(path));
  edit(manifest);
  std::ofstream(path) << manifest.dump(2);
}

std::vector<float> plain_vision_forward(const std::filesystem::path& file) {
  const c10::InferenceMode inference;
  torch::jit::Module module = torch::jit::load(file.string());
  const at::Tensor result =
      module.forward({torch::ones({1, 3, kTinyImageSize, kTinyImageSize})}).toTensor();
  return {result.data_ptr<float>(), result.data_ptr<float>() + result.numel()};
}

void write_module_with_weights_in_a_list(const std::filesystem::path& file) {
  torch::jit::Module module("Listed");
  const c10::List<at::Tensor> weights({noise({kTinyDim, 3 * kTinyImageSize * kTinyImageSize})});
  module.register_attribute("weights", c10::ListType::ofTensors(), weights);
  module.define(R"(
def forward(self, pixels):
    return torch.linear(pixels.flatten(1), self.weights[0])
)");
  module.save(file.string());
}

}  // namespace llm2clip::testing
