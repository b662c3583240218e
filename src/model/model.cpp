#include "llm2clip/model.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/errors_only.h"
#include "base/log.h"
#include "encoder/pooling.h"
#include "encoder/torch_errors.h"
#include "llm2clip/similarity.h"
#include "model/loading.h"
#include "model/model_impl.h"
#include "model/model_parts.h"
#include "model/row_collector.h"
#include "model/text_inputs.h"

namespace llm2clip {
namespace {

void report(const EncodeOptions& options, std::size_t done) {
  if (options.progress && !options.progress(done)) cancel();
}

void log_call(std::size_t count, const char* what, const Stopwatch& stopwatch) {
  log(LogLevel::info,
      [&] { return "encoded " + std::to_string(count) + " " + what + " in " + stopwatch.text(); });
}

void log_batch(std::size_t count, const std::string& what, const Stopwatch& stopwatch) {
  log(LogLevel::debug,
      [&] { return "batch of " + std::to_string(count) + " " + what + " in " + stopwatch.text(); });
}

std::string longest_of(std::span<const Tokens> texts, const TokenBatch& batch) {
  return std::to_string(texts[batch.front()].ids.size());
}

// `argument` has `count` of `what`, for whole images.
void check_whole_images(const std::string& argument, std::size_t count, const std::string& what,
                        std::size_t side) {
  const std::size_t size = 3 * side * side;
  if (count % size == 0) return;
  throw Error(ErrorKind::invalid_argument, argument + ": have " + std::to_string(count) + " " +
                                               what + ", a multiple of " + std::to_string(size) +
                                               " is expected (RGB of " + std::to_string(side) +
                                               "x" + std::to_string(side) + " pixels each)");
}

}  // namespace

void Model::Impl::require_vision() const {
  check_part_loaded(vision_tower.has_value(), manifest, "vision");
}

void Model::Impl::require_text(bool with_adapter) const {
  check_part_loaded(text_tower.has_value(), manifest, "text");
  if (with_adapter) check_part_loaded(adapter.has_value(), manifest, "adapter");
}

// ---- The image flow: image -> crop -> pixels -> vision tower -> rows
//
// What comes before the network runs without its lock: images are resized while another call
// computes.

at::Tensor Model::Impl::crops_of(const PutCrop& put_crop, std::size_t first,
                                 std::size_t count) const {
  at::Tensor crops = vision_tower->crop_buffer(count);
  const std::span bytes(crops.mutable_data_ptr<std::uint8_t>(), crops.nbytes());
  const std::size_t size = bytes.size() / count;
  for (std::size_t i = 0; i < count; ++i) put_crop(first + i, bytes.subspan(i * size, size));
  return crops;
}

Embeddings Model::Impl::encode_vision(std::size_t images, const Prepare& prepare,
                                      const EncodeOptions& options) const {
  const Stopwatch call;
  Embeddings result(images, manifest.info().dim);
  RowCollector collector(result, device);
  std::vector<std::size_t> rows;  // B
  const auto encode = [&](std::size_t first, std::size_t count) {
    check_stop(options.stop);
    rows.resize(count);
    std::iota(rows.begin(), rows.end(), first);
    const at::Tensor input = prepare(first, count);
    const std::scoped_lock network(turn);
    collector.add(input.scalar_type() == at::kByte ? vision_tower->encode_crops(input)  // (B, D)
                                                   : (*vision_tower)(input, options.stop),
                  rows);
  };
  for_each_batch(
      images, std::max<std::size_t>(options.batch_size, 1), image_limit,
      [&](std::size_t first, std::size_t count) {
        const Stopwatch batch;
        torch_errors("images", [&] { encode(first, count); });
        log_batch(count, "images", batch);
        report(options, first + count);
      },
      options.left_out);
  collector.finish();
  if (options.normalize) normalize_rows(result);
  log_call(images, "images", call);
  return result;
}

Embeddings Model::Impl::encode_put_crops(std::size_t images, const PutCrop& put_crop,
                                         const EncodeOptions& options) const {
  std::vector<float> pixels;  // (B, 3, S, S)
  const auto prepare = [&](std::size_t first, std::size_t count) {
    at::Tensor crops = crops_of(put_crop, first, count);  // (B, S, S, 3) uint8
    if (device != "cpu") return crops;
    pixels.resize(crops.nbytes());
    normalize_crops({crops.const_data_ptr<std::uint8_t>(), crops.nbytes()},
                    manifest.info().preprocess, pixels);
    return vision_tower->view(pixels);
  };
  return encode_vision(images, prepare, options);
}

Embeddings Model::Impl::encode_images(Images images, const EncodeOptions& options) const {
  require_vision();
  const PreprocessOptions& preprocess = manifest.info().preprocess;
  const auto put_crop = [&](std::size_t image, std::span<std::uint8_t> crop) {
    const Image seen = resize_and_crop(images[image], preprocess);
    std::copy(seen.pixels.begin(), seen.pixels.end(), crop.begin());
  };
  return encode_put_crops(images.size(), put_crop, options);
}

Embeddings Model::Impl::encode_crops(std::span<const std::uint8_t> crops,
                                     const EncodeOptions& options) const {
  require_vision();
  const auto side = static_cast<std::size_t>(manifest.info().preprocess.image_size);  // S
  const std::size_t size = 3 * side * side;
  check_whole_images("crops", crops.size(), "bytes", side);
  const auto put_crop = [&](std::size_t image, std::span<std::uint8_t> crop) {
    const auto seen = crops.subspan(image * size, size);
    std::copy(seen.begin(), seen.end(), crop.begin());
  };
  return encode_put_crops(crops.size() / size, put_crop, options);
}

Embeddings Model::Impl::encode_pixels(std::span<const float> pixels,
                                      const EncodeOptions& options) const {
  require_vision();
  const auto side = static_cast<std::size_t>(manifest.info().preprocess.image_size);  // S
  const std::size_t size = 3 * side * side;
  check_whole_images("pixels", pixels.size(), "values", side);
  const auto prepare = [&](std::size_t first, std::size_t count) {
    return vision_tower->view(pixels.subspan(first * size, count * size));
  };
  return encode_vision(pixels.size() / size, prepare, options);
}

// ---- The text flow: tokens -> batches -> text tower -> mean -> adapter -> rows
//
// Equal texts are encoded once.

at::Tensor Model::Impl::encode_batch(std::span<const Tokens> texts, const TokenBatch& batch,
                                     const EncodeOptions& options) const {
  std::vector<int> token_counts, pooled_counts;  // B
  for (const std::size_t row : batch) {
    token_counts.push_back(static_cast<int>(texts[row].ids.size()));
    pooled_counts.push_back(texts[row].pooled);
  }
  const at::Tensor hidden = (*text_tower)(texts, batch, options.stop);         // (tokens, H)
  const at::Tensor captions = mean_pool(hidden, token_counts, pooled_counts);  // (B, H) float32
  return options.adapter ? (*adapter)(captions) : captions;                    // (B, D)
}

Embeddings Model::Impl::encode_tokens(std::span<const Tokens> texts,
                                      const EncodeOptions& options) const {
  require_text(options.adapter);
  check_tokens(texts, vocabulary_size());
  const Stopwatch call;
  Embeddings result(texts.size(),
                    options.adapter ? manifest.info().dim : manifest.info().text_width);
  RowCollector collector(result, device);
  const EqualTexts equal = find_equal_texts(texts);
  std::size_t done = 0;
  for (const TokenBatch& all :
       token_batches(texts, equal.distinct, text_tower->lengths(), options.batch_tokens)) {
    const auto encode = [&](std::size_t first, std::size_t count) {
      check_stop(options.stop);
      const Stopwatch stopwatch;
      const TokenBatch batch = part_of(all, first, count);
      torch_errors("texts", [&] {
        const std::scoped_lock network(turn);
        collector.add(encode_batch(texts, batch, options), batch);
      });
      log_batch(count, "texts of up to " + longest_of(texts, batch) + " tokens", stopwatch);
      report(options, done += count);
    };
    const std::size_t count = all.size();
    for_each_batch(count, count, text_limit, encode, leave_out_of(all, equal, options));
  }
  collector.finish();
  repeat_rows(equal, result);
  if (equal.distinct.size() < texts.size()) report(options, texts.size());
  if (options.normalize) normalize_rows(result);
  log_call(texts.size(), "texts", call);
  return result;
}

// Embeddings are often padded beyond the tokenizer's ids. A program with a table of another name is
// held to those.
std::int64_t Model::Impl::vocabulary_size() const {
  const auto table = text_tower->module().weight_shape("embedding.weight");  // (vocabulary, H)
  return table.size() == 2 ? table[0] : tokenizer->vocabulary_size();
}

// ---- The public face

Model Model::load(const std::filesystem::path& directory, const LoadOptions& options) try {
  return Model(load_stages(directory, options));
} catch (const std::system_error&) {
  rethrow_as_error(directory);
} catch (...) {
  rethrow_torch_error(directory.c_str());
}

Model Model::load(std::span<const ModelFile> files, const LoadOptions& options) {
  return torch_errors("model in memory",
                      [&] { return Model(load_stages(ModelFiles(files), options)); });
}

Model::Model(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;
Model::~Model() = default;

Embeddings Model::encode_images(Images images, const EncodeOptions& options) const {
  return torch_errors("images", [&] { return impl_->encode_images(images, options); });
}

Embeddings Model::encode_crops(std::span<const std::uint8_t> crops,
                               const EncodeOptions& options) const {
  return torch_errors("crops", [&] { return impl_->encode_crops(crops, options); });
}

Embeddings Model::encode_pixels(std::span<const float> pixels, const EncodeOptions& options) const {
  return torch_errors("pixels", [&] { return impl_->encode_pixels(pixels, options); });
}

Embeddings Model::encode_texts(Texts texts, const EncodeOptions& options) const {
  return torch_errors("texts", [&] {
    Tokenized tokenized = tokenize(tokenizer(), texts, options);
    if (tokenized.inputs.size() == texts.size()) return encode_tokens(tokenized.tokens, options);
    const Embeddings rows = encode_tokens(tokenized.tokens, for_inputs(tokenized.inputs, options));
    return spread(rows, tokenized.inputs, texts.size());
  });
}

Embeddings Model::encode_tokens(std::span<const Tokens> texts, const EncodeOptions& options) const {
  return torch_errors("texts", [&] { return impl_->encode_tokens(texts, options); });
}

const ModelInfo& Model::info() const { return impl_->manifest.info(); }

const Tokenizer& Model::tokenizer() const {
  check_part_loaded(impl_->tokenizer.has_value(), impl_->manifest, "text");
  return *impl_->tokenizer;
}

const std::string& Model::device() const { return impl_->device; }

std::optional<LoadedPart> Model::vision() const {
  std::optional<LoadedPart> part = impl_->vision;
  if (part) part->memory = impl_->vision_tower->memory();
  return part;
}

std::optional<LoadedPart> Model::text() const {
  std::optional<LoadedPart> part = impl_->text;
  if (part) part->memory = impl_->text_tower->memory();
  return part;
}

std::optional<LoadedPart> Model::adapter() const {
  std::optional<LoadedPart> part = impl_->adapter_part;
  if (part) part->memory = impl_->adapter->memory();
  return part;
}

void require_vision(const Model& model) { ModelStages::of(model).require_vision(); }

void require_text(const Model& model, bool with_adapter) {
  ModelStages::of(model).require_text(with_adapter);
}

std::shared_ptr<const Tokenizer> shared_tokenizer(const Model& model) {
  return {ModelStages::share(model), &model.tokenizer()};
}

}  // namespace llm2clip
