#include "model/manifest.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <limits>

#include "base/file_hash.h"
#include "base/sha256.h"
#include "base/strict_json.h"
#include "llm2clip/error.h"

namespace llm2clip {
namespace {

constexpr const char* kManifestName = "llm2clip.json";
constexpr int kFormat = 3;        // that of parts in int8 or int4; others have 2
constexpr int kOldestFormat = 1;  // called the dim of embeddings embedding_size
constexpr std::uintmax_t kLargestManifest = 1 << 20;
constexpr std::int64_t kLargestImageSize = 4096;
constexpr std::int64_t kLargestWidth = 1 << 20;
constexpr std::int64_t kLargestTokens = 1 << 20;

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& why) {
  throw Error(ErrorKind::bad_model, path.string() + ": " + why);
}

void check_manifest_size(const std::filesystem::path& path, std::uintmax_t bytes) {
  if (bytes > kLargestManifest) refuse(path, "is larger than 1 MiB");
}

std::string read_manifest_file(const std::filesystem::path& directory) {
  std::error_code error;
  if (!std::filesystem::exists(directory, error)) {
    refuse(directory, "no such model directory; make one with llm2clip-export");
  }
  if (!std::filesystem::is_directory(directory, error)) {
    refuse(directory, "expected a model directory, got a file");
  }
  const std::filesystem::path path = directory / kManifestName;
  if (!std::filesystem::is_regular_file(path, error)) {
    const bool published = std::filesystem::exists(directory / "config.json", error);
    refuse(directory, std::string("has no llm2clip.json") +
                          (published ? "; it looks like a published checkpoint: run "
                                       "llm2clip-export on it first"
                                     : "; it is not a model directory"));
  }
  check_manifest_size(path, std::filesystem::file_size(path, error));
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string read_manifest_text(const ModelFiles& files) {
  if (!files.in_memory()) return read_manifest_file(files.directory());
  const StoredFile file = files.at(kManifestName);
  check_manifest_size(file.path, file.bytes->size());
  return {reinterpret_cast<const char*>(file.bytes->data()), file.bytes->size()};
}

// Plain names only, so that a manifest cannot point out of its directory.
bool is_plain_name(const std::string& name) {
  return !name.empty() && name.find('/') == std::string::npos && name != "." && name != "..";
}

bool is_file_name(const std::string& name) {
  const std::string golden = "golden/";
  return is_plain_name(name.starts_with(golden) ? name.substr(golden.size()) : name);
}

bool is_sha256(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

std::string one_of(JsonObject& object, const char* key,
                   std::initializer_list<const char*> allowed) {
  std::string value = object.string(key);
  std::string list;
  for (const char* candidate : allowed) {
    if (value == candidate) return value;
    list += (list.empty() ? "" : ", ") + std::string(candidate);
  }
  object.refuse(key, "expected one of " + list + ", got \"" + value + "\"");
}

StoredMatrix read_matrix(JsonObject matrix) {
  StoredMatrix read{.name = matrix.string("name"),
                    .bits = static_cast<int>(matrix.integer("bits", 4, 32)),
                    .loss = matrix.number("loss")};
  if (matrix.has("group")) read.group = static_cast<int>(matrix.integer("group", 1, kLargestWidth));
  matrix.refuse_other_keys();
  return read;
}

QuantizedInfo read_quantized(JsonObject quantized) {
  QuantizedInfo info{.kept = one_of(quantized, "kept", {"float32", "bfloat16", "float16"}),
                     .kept_bytes = static_cast<std::uint64_t>(quantized.integer(
                         "kept_bytes", 0, std::numeric_limits<std::int64_t>::max())),
                     .size = quantized.number("size"),
                     .least_cosine = quantized.number("least_cosine"),
                     .median_cosine = quantized.number("median_cosine"),
                     .matrices = {}};
  for (JsonObject& matrix : quantized.objects("matrices")) {
    info.matrices.push_back(read_matrix(std::move(matrix)));
  }
  quantized.refuse_other_keys();
  return info;
}

PartInfo read_part(JsonObject& part) {
  PartInfo info;
  info.file = part.string("file");
  info.precision = one_of(part, "precision", {"float32", "bfloat16", "float16", "int8", "int4"});
  if (info.precision.starts_with("int")) {
    info.quantized = read_quantized(part.object("quantized"));
  }
  JsonObject source = part.object("source");
  info.repository = source.string("repository");
  info.revision = source.string("revision");
  source.refuse_other_keys();
  return info;
}

std::array<float, 3> read_rgb(JsonObject& object, const char* key) {
  std::array<float, 3> rgb{};
  const nlohmann::json& list = object.array(key, rgb.size());
  for (std::size_t channel = 0; channel < rgb.size(); ++channel) {
    if (!list[channel].is_number()) object.refuse(key, "expected numbers");
    // The nearest float32 of the decimal value, as numpy makes it from a Python float.
    rgb[channel] = static_cast<float>(list[channel].get<double>());
  }
  return rgb;
}

// Absent in manifests older than the key.
ResizePasses read_passes(JsonObject& part) {
  return from_string<ResizePasses>(
      one_of(part, "resize_passes", {"pillow-11", "pillow-12.2", "pillow-13"}));
}

void read_vision(JsonObject part, ModelInfo& info) {
  info.vision = read_part(part);
  info.preprocess.image_size = static_cast<int>(part.integer("image_size", 1, kLargestImageSize));
  info.preprocess.mean = read_rgb(part, "mean");
  info.preprocess.std = read_rgb(part, "std");
  if (std::any_of(info.preprocess.std.begin(), info.preprocess.std.end(),
                  [](float value) { return !(value > 0); })) {
    part.refuse("std", "expected values above 0");
  }
  one_of(part, "resize", {"bicubic"});
  info.preprocess.order =
      from_string<PreprocessOrder>(one_of(part, "order", {"hf", "torchvision"}));
  if (part.has("resize_passes")) info.preprocess.resize_passes = read_passes(part);
  part.refuse_other_keys();
}

void read_text(JsonObject part, ModelInfo& info) {
  info.text = read_part(part);
  info.text_width = static_cast<std::size_t>(part.integer("width", 1, kLargestWidth));
  info.tokenizer.max_tokens = static_cast<int>(part.integer("max_tokens", 1, kLargestTokens));
  if (part.has("doc_max_length")) {
    const std::int64_t longest = part.integer("doc_max_length", 1, kLargestTokens);
    info.tokenizer.doc_max_length = static_cast<int>(longest);
  }
  one_of(part, "pooling", {"caption_and_suffix"});
  JsonObject tokenizer = part.object("tokenizer");
  info.tokenizer_file = tokenizer.string("file");
  one_of(tokenizer, "kind", {"byte_level_bpe", "sentencepiece"});
  tokenizer.refuse_other_keys();
  JsonObject prompt = part.object("prompt");
  info.tokenizer.prompt = {.prefix = prompt.string("prefix"),
                           .suffix = prompt.string("suffix"),
                           .separator = prompt.string("separator")};
  prompt.refuse_other_keys();
  part.refuse_other_keys();
}

void read_adapter(JsonObject part, ModelInfo& info) {
  info.adapter = read_part(part);
  const auto width = static_cast<std::size_t>(part.integer("width", 1, kLargestWidth));
  if (info.text && width != info.text_width) {
    part.refuse("width", info.adapter->file + " takes captions of " + std::to_string(width) +
                             " components, " + info.text->file + " gives " +
                             std::to_string(info.text_width) +
                             "; they are of different models, export them together");
  }
  part.refuse_other_keys();
}

// Returns the format of the directory.
std::int64_t read_format(JsonObject& root) {
  const std::int64_t format = root.integer("format", 0, 1'000'000);
  if (format < kOldestFormat || format > kFormat) {
    root.refuse("format",
                "this llm2clip reads formats 1 to 3, the directory has format " +
                    std::to_string(format) +
                    (format > kFormat ? "; use a newer llm2clip" : "; export the model again"));
  }
  return format;
}

ModelInfo read_info(JsonObject& root) {
  const char* const dim = read_format(root) == 1 ? "embedding_size" : "embedding_dim";
  ModelInfo info;
  info.name = root.string("name");
  info.dim = static_cast<std::size_t>(root.integer(dim, 1, kLargestWidth));
  info.score_scale = static_cast<float>(root.number("score_scale"));
  JsonObject created_with = root.object("created_with");
  for (const auto& [program, version] : created_with.json().items()) {
    info.created_with.emplace_back(program, created_with.string(program.c_str()));
  }
  if (root.has("vision")) read_vision(root.object("vision"), info);
  if (root.has("text")) read_text(root.object("text"), info);
  if (root.has("adapter")) read_adapter(root.object("adapter"), info);
  if (!info.vision && !info.text && !info.adapter) root.refuse("vision", "no part is named");
  return info;
}

}  // namespace

Manifest Manifest::read(const ModelFiles& source, const std::string& expected_sha256) {
  const std::string text = read_manifest_text(source);
  const std::string name = source.at(kManifestName).path.string();
  const std::string sha256 = sha256_of(text);
  if (!expected_sha256.empty() && sha256 != expected_sha256) {
    throw Error(ErrorKind::bad_model, name + ": SHA-256 is " + sha256 + ", " + expected_sha256 +
                                          " is expected; it is another model, or was changed");
  }
  const nlohmann::json json = parse_strict_json(text, name);
  JsonObject root(json, name, "");

  Manifest manifest;
  manifest.source_ = source;
  manifest.info_ = read_info(root);
  manifest.info_.manifest_sha256 = sha256;
  manifest.read_files(root.object("files"));
  root.ignore("extra");
  root.refuse_other_keys();
  return manifest;
}

void Manifest::read_files(JsonObject files) {
  for (const auto& [file, value] : files.json().items()) {
    if (!is_file_name(file)) files.refuse(file, "expected a plain file name");
    JsonObject entry = files.object(file.c_str());
    FileEntry checked{.bytes = static_cast<std::uint64_t>(
                          entry.integer("bytes", 0, std::numeric_limits<std::int64_t>::max())),
                      .sha256 = entry.string("sha256")};
    if (!is_sha256(checked.sha256)) entry.refuse("sha256", "expected 64 hex digits");
    entry.refuse_other_keys();
    files_.emplace(file, checked);
  }
  for (auto* part : {&info_.vision, &info_.text, &info_.adapter}) {
    if (!part->has_value()) continue;
    const auto entry = files_.find((*part)->file);
    if (entry == files_.end()) files.refuse((*part)->file, "is missing");
    (*part)->bytes = entry->second.bytes;
    (*part)->sha256 = entry->second.sha256;
    if ((*part)->quantized && (*part)->quantized->kept_bytes > (*part)->bytes) {
      files.refuse((*part)->file, "has fewer bytes than its part keeps (kept_bytes)");
    }
  }
  if (info_.text && !names(info_.tokenizer_file)) files.refuse(info_.tokenizer_file, "is missing");
}

StoredFile Manifest::checked_file(const std::string& name, bool always_hash,
                                  const std::function<void()>& before_block) const {
  const auto named = files_.find(name);
  if (named == files_.end()) {
    refuse(source_.name(), "llm2clip.json names no " + name + "; export the model again");
  }
  const FileEntry& entry = named->second;
  StoredFile file = source_.at(name);
  std::error_code error;
  if (!file.bytes && !std::filesystem::is_regular_file(file.path, error)) {
    refuse(file.path, "is missing, though llm2clip.json names it");
  }
  const std::uintmax_t bytes =
      file.bytes ? file.bytes->size() : std::filesystem::file_size(file.path, error);
  if (bytes != entry.bytes) {
    refuse(file.path, "has " + std::to_string(bytes) + " bytes, llm2clip.json says " +
                          std::to_string(entry.bytes) + "; was the copy interrupted?");
  }
  check_sha256(file, entry.sha256, always_hash, before_block);
  return file;
}

void Manifest::check_all_files() const {
  for (const auto& [name, entry] : files_) checked_file(name, /*always_hash=*/true);
}

void check_part_loaded(bool loaded, const Manifest& manifest, const char* part) {
  if (loaded) return;
  throw Error(ErrorKind::invalid_argument,
              "model " + manifest.info().name + ": its " + part +
                  " part is not there or was not loaded; use a directory that has it");
}

}  // namespace llm2clip
