#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "llm2clip/embeddings.h"
#include "llm2clip/error.h"
#include "llm2clip/export.h"
#include "llm2clip/from_string.h"
#include "llm2clip/image.h"
#include "llm2clip/inputs.h"
#include "llm2clip/memory.h"
#include "llm2clip/preprocess.h"
#include "llm2clip/tokenizer.h"

namespace llm2clip {

/// What the network computes in. Spelled as on the command line.
enum class Precision {
  /// As stored; float32 on a CPU that multiplies the stored precision slowly, int16_dynamic on one
  /// that multiplies rows of 16 bits faster than that.
  automatic,
  bfloat16,  ///< half the memory of float32; see docs/numerics.md for what it costs
  float16,   ///< CUDA, and the few CPUs that have it
  float32,   ///< what the reference's values are compared in
  /// CPU, for towers whose weights are int8 or int4: rows that meet them are rounded to 8 bits,
  /// each group of components by a scale of its own; all else, and other parts, as automatic.
  int8_dynamic,
  /// The same, rounded to 16 bits, and all else of the tower in float32: far nearer to float32 than
  /// bfloat16 is.
  int16_dynamic,
};

/// "auto", "bfloat16", "float16", "float32", "int8-dynamic", "int16-dynamic".
LLM2CLIP_API const char* to_string(Precision precision);
template <>
LLM2CLIP_API Precision from_string(std::string_view name);  ///< of that name

/// What a part of a model computes in, and why that.
struct PrecisionChoice {
  std::string precision;  ///< as to_string(Precision) spells it, never "auto"
  std::string why;        ///< in words, for people
  bool slow = false;      ///< this machine would be faster in another one
};

/// How far a CPU goes to be fast. Spelled as on the command line.
enum class Optimize {
  automatic,  ///< as the work and the free memory make worthwhile
  always,     ///< everything, also where it takes more memory and seconds when loading
  never,      ///< the network runs operator by operator as it was exported
};

/// "auto", "always", "never".
LLM2CLIP_API const char* to_string(Optimize optimize);
template <>
LLM2CLIP_API Optimize from_string(std::string_view name);  ///< of that name

/// What Model::load loads, where to, and in which precision.
struct LoadOptions {
  /// "auto" (CUDA where there is one, else CPU), "cpu", "cuda" or "cuda:N".
  std::string device = "auto";
  /// What each part computes in. Error(unavailable) for float16 on a CPU that does not have it.
  Precision precision = Precision::automatic;
  /// The vision tower. A part that is not loaded costs neither time nor memory, and one that the
  /// directory lacks is no error until it is used.
  bool vision = true;
  bool text = true;  ///< text tower, tokenizer and adapter
  /// What special tokens written inside texts are.
  SpecialTokens special_tokens = SpecialTokens::parse;
  /// Compute the SHA-256 of every file even where it was checked before (see docs/model_format.md).
  bool always_hash = false;
  /// The SHA-256 that llm2clip.json must have, 64 hex digits; empty: any. The manifest holds the
  /// hashes of all other files, so this pins the whole directory.
  std::string manifest_sha256 = {};
  /// Run the programs in the model's files whatever they do. Without it a model may use the
  /// operators that models need and no others (SECURITY.md); with it a file can do what a program
  /// can. A warning is logged.
  bool trust_model = false;
  /// On a CPU networks are optimized after loading: fewer passes over memory, and products with
  /// weights laid out beforehand, which costs a copy of them. Changes rounding alone; see
  /// docs/numerics.md. Without meaning on other devices.
  Optimize optimize = Optimize::automatic;
  /// About how many images or texts will be encoded, for Optimize::automatic; 0: unknown.
  std::uint64_t expected_inputs = 0;
  /// Asked while files are hashed and weights converted, sent or laid out, in the thread that
  /// calls; returning true ends the call with Error(cancelled).
  std::function<bool()> stop = {};
};

/// How inputs are grouped, and which stages run.
struct EncodeOptions {
  std::size_t batch_size = 16;      ///< images in a batch; never changes a row beyond rounding
  std::size_t batch_tokens = 4096;  ///< tokens in a batch, of one text at least
  bool normalize = true;            ///< unit rows; off: what the network gives
  /// Off: texts stop before the adapter, and a row is the caption embedding (H components), what
  /// llm2vec's encode gives. Never changes images.
  bool adapter = true;
  /// Called after each batch with how many inputs are done; returning false ends the call with
  /// Error(cancelled).
  std::function<bool(std::size_t done)> progress = {};
  /// Called with the index of an input that memory does not suffice for even alone; its row stays
  /// zero, and the others are encoded. Three in a row are the machine's fault, not the inputs': the
  /// third is thrown. Without it Error(out_of_memory) ends the call at the first.
  std::function<void(std::size_t input, const Error& error)> left_out = {};
  /// Asked in the thread that calls before each batch and, on a CPU, between the passes that a
  /// batch takes (a thousand tokens or eight images of 224 pixels a side for each thread);
  /// returning true ends the call with Error(cancelled). For signals and deadlines: sooner than
  /// `progress`, which hears of whole batches.
  std::function<bool()> stop = {};
};

/// A matrix of a part in int8 or int4.
struct StoredMatrix {
  std::string name;  ///< of the layer: "layers.0.attention.query"
  int bits = 0;      ///< of a weight: 4, 8, 16 or 32
  int group = 0;     ///< columns that share a scale; 0: it is stored as it is
  double loss = 0;   ///< 1 - cosine that rounding this matrix alone was measured to cost
};

/// What the exporter found out about a part in int8 or int4.
struct QuantizedInfo {
  std::string kept;              ///< precision of all other weights, in which the part computes
  std::uint64_t kept_bytes = 0;  ///< what those take of the file
  double size = 0;               ///< share of its bytes in bfloat16 that was allowed
  double least_cosine = 1;       ///< of its rows to the published weights' on built-in inputs
  double median_cosine = 1;      ///< of the same
  std::vector<StoredMatrix> matrices;  ///< in the order of the network
};

/// Where a part of a model comes from and what it is.
struct PartInfo {
  std::string file;  ///< name in the model directory
  /// Of the stored weights: "float32", "bfloat16" or "float16", or "int8" or "int4" where most
  /// matrices have so few bits.
  std::string precision;
  std::string repository;                       ///< that published the weights
  std::string revision;                         ///< empty: unknown
  std::uint64_t bytes = 0;                      ///< size of the file
  std::string sha256;                           ///< of the file, 64 hex digits
  std::optional<QuantizedInfo> quantized = {};  ///< there where `precision` is int8 or int4
};

/// What the manifest of a model directory says. Reading it loads no weights.
struct ModelInfo {
  std::string name;                 ///< given to the exporter
  std::size_t dim = 0;              ///< D
  float score_scale = 100;          ///< probabilities are softmax(score_scale * cosine)
  std::optional<PartInfo> vision;   ///< empty: the directory has no vision part
  PreprocessOptions preprocess;     ///< meaningful where there is a vision part
  std::optional<PartInfo> text;     ///< empty: the directory has no text part
  std::size_t text_width = 0;       ///< H
  std::string tokenizer_file;       ///< name in the model directory
  TokenizerOptions tokenizer;       ///< prompt and max_tokens
  std::optional<PartInfo> adapter;  ///< empty: texts end at the caption embedding
  std::vector<std::pair<std::string, std::string>> created_with;  ///< program, version
  std::string manifest_sha256;  ///< of llm2clip.json, 64 hex digits
};

/// A part of a model that is loaded.
struct LoadedPart {
  std::string file;              ///< name in the model directory
  std::string stored_precision;  ///< of the weights there
  std::string precision;         ///< that it computes in, as PrecisionChoice::precision
  std::string precision_reason;  ///< why in that one, in words for people
  std::string device;            ///< "cpu" or "cuda:N"
  /// What LoadOptions::optimize came to: "none", "in_place" or "prepacked". Rows of one and another
  /// differ in their last digits.
  std::string optimized;
  PartMemory memory;  ///< what it occupies now
};

/// A file of a model whose bytes a program holds in memory.
struct ModelFile {
  std::string name;                  ///< in the model directory: "llm2clip.json", "vision.pt"
  std::span<const std::byte> bytes;  ///< all of it
};

/// The manifest of a model directory. Throws Error(bad_model).
LLM2CLIP_API ModelInfo read_model_info(const std::filesystem::path& directory);

/// What `info` holds as a JSON object, without line ends: name, embedding_dim, score_scale,
/// manifest_sha256, the parts that are there, and created_with.
LLM2CLIP_API std::string to_json(const ModelInfo& info);

/// What Model::load would let a part compute in on this machine. Where weights would have to be
/// copied for it and memory does not suffice, Model::load may keep what is stored instead.
/// Throws Error(unavailable) or Error(invalid_argument) as it would.
LLM2CLIP_API PrecisionChoice choose_precision(const PartInfo& part,
                                              const LoadOptions& options = {});

/// The tokenizer of a model directory, hash checked, without its towers. Throws Error(bad_model),
/// or Error(invalid_argument) when the directory has no text part.
LLM2CLIP_API Tokenizer load_tokenizer(const std::filesystem::path& directory,
                                      SpecialTokens special_tokens = SpecialTokens::parse);

/// An LLM2CLIP model: a vision tower, a text tower and the adapter that brings text into the image
/// space.
///
///   auto model  = llm2clip::Model::load("models/demo");
///   auto image_rows = model.encode_images(images);  // images: std::vector<Image>
///   auto text_rows  = model.encode_texts({"a red ring", "a dog"});
///   float score = llm2clip::cosine(image_rows[0], text_rows[0]);
///
/// Weights do not change after load(), so const methods may be called from several threads at
/// once. Their batches take turns in the network; images are resized and texts tokenized meanwhile.
class LLM2CLIP_API Model {
 public:
  /// Loads the directory described in docs/model_format.md. Weights are mapped, not read: the
  /// files must stay as they are while the model lives.
  /// Throws Error(bad_model), Error(unavailable), Error(invalid_argument), or Error(out_of_memory)
  /// where the memory that the process may take certainly cannot suffice.
  static Model load(const std::filesystem::path& directory, const LoadOptions& options = {});

  /// The same of files in memory: llm2clip.json and those that it names for the parts that are
  /// loaded; others may be there. Hashes are compared as for files, each time. Weights are used
  /// where they are: the bytes must stay as they are while the model lives. They are copied where
  /// `bytes` does not begin at a multiple of 64, or the model's program writes to tensors.
  static Model load(std::span<const ModelFile> files, const LoadOptions& options = {});

  /// What was moved from may only be destroyed or assigned to.
  Model(Model&&) noexcept;
  /// Lets go of the model that was here.
  Model& operator=(Model&&) noexcept;
  ~Model();

  /// (images, D): one row per image. The images may differ in size, and nothing is copied before
  /// the resize: pixels of someone else may have rows with padding and blue first (ImageView).
  /// Throws Error(invalid_argument) when the model has no vision part or an image is malformed.
  Embeddings encode_images(Images images, const EncodeOptions& options = {}) const;

  /// The same for images that are resized and cropped already, and so are not resized twice:
  /// (B, S, S, 3) uint8, the pixels of what resize_and_crop(image, info().preprocess) gives, one
  /// image after the other. Their rows are those of encode_images, to the bit.
  /// Throws Error(invalid_argument) when the model has no vision part or the number of bytes is not
  /// a multiple of 3 * S * S.
  Embeddings encode_crops(std::span<const std::uint8_t> crops,
                          const EncodeOptions& options = {}) const;

  /// The same for images that are preprocessed already: (B, 3, S, S) float32, as
  /// preprocess(image, info().preprocess) gives it. On a CPU their rows are those of encode_images,
  /// to the bit. Programs that use LibTorch have encode_pixels of llm2clip/torch.h besides.
  /// Throws Error(invalid_argument) when the model has no vision part or the number of values is
  /// not a multiple of 3 * S * S.
  Embeddings encode_pixels(std::span<const float> pixels, const EncodeOptions& options = {}) const;

  /// (texts, D), or (texts, H) without adapter: one row per text. Texts are UTF-8; those longer
  /// than max_tokens are cut at the end. A row does not depend on the other texts of the call.
  /// Throws Error(invalid_argument) when the model has no text part, Error(unreadable_input) for a
  /// text that is not UTF-8.
  Embeddings encode_texts(Texts texts, const EncodeOptions& options = {}) const;

  /// The same for texts that are tokenized already. Throws Error(invalid_argument), before anything
  /// is encoded, for one without ids, with an id that is not in the vocabulary, or whose `pooled`
  /// is not in 0..T.
  Embeddings encode_tokens(std::span<const Tokens> texts, const EncodeOptions& options = {}) const;

  /// The manifest, also of parts that are not loaded.
  const ModelInfo& info() const;
  /// Throws Error(invalid_argument) when the text part was not loaded.
  const Tokenizer& tokenizer() const;
  /// "cpu" or "cuda:N".
  const std::string& device() const;
  /// The vision tower as it was loaded; empty when it was not. May be called while another thread
  /// encodes, as the next two.
  std::optional<LoadedPart> vision() const;
  /// The same of the text tower.
  std::optional<LoadedPart> text() const;
  /// The same of the adapter.
  std::optional<LoadedPart> adapter() const;

 private:
  friend struct ModelStages;  // verify.cpp looks at every stage
  struct LLM2CLIP_LOCAL Impl;
  explicit Model(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;  // shared by threads of embed_texts that outlive their call
};

}  // namespace llm2clip
