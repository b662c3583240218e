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

}  // namespace

// ---- The image flow: image -> pixels -> vision tower -> rows

at::Tensor Model::Impl::encode_crops(std::span<const ImageView> images) const {
  at::Tensor crops = vision_tower->crop_buffer(images.size());  // (B, S, S, 3)
  auto* out = crops.mutable_data_ptr<std::uint8_t>();
  for (const ImageView& image : images) {
    const Image seen = resize_and_crop(image, manifest.info().preprocess);
    out = std::copy(seen.pixels.begin(), seen.pixels.end(), out);
  }
  return vision_tower->encode_crops(crops);
}

Embeddings Model::Impl::encode_images(std::span<const ImageView> images,
                                      const EncodeOptions& options) const {
  check_part_loaded(vision_tower.has_value(), manifest, "vision");
  const ModelInfo& info = manifest.info();
  const auto side = static_cast<std::size_t>(info.preprocess.image_size);  // S
  const std::size_t values_per_image = 3 * side * side;
  const std::size_t batch_size = std::max<std::size_t>(options.batch_size, 1);

  const Stopwatch call;
  Embeddings result(images.size(), info.dim);
  RowCollector collector(result, device);
  std::vector<float> pixels;      // (B, 3, S, S)
  std::vector<std::size_t> rows;  // B
  const auto encode = [&](std::size_t first, std::size_t count) {
    check_stop(options.stop);
    rows.resize(count);
    std::iota(rows.begin(), rows.end(), first);
    if (device != "cpu") {
      return collector.add(encode_crops(images.subspan(first, count)), rows);  // (B, D)
    }
    pixels.resize(count * values_per_image);
    for (std::size_t i = 0; i < count; ++i) {
      preprocess(images[first + i], info.preprocess,
                 std::span(pixels).subspan(i * values_per_image, values_per_image));
    }
    collector.add((*vision_tower)(pixels, options.stop), rows);  // (B, D)
  };
  for_each_batch(
      images.size(), batch_size, image_limit,
      [&](std::size_t first, std::size_t count) {
        const Stopwatch batch;
        torch_errors("images", [&] { encode(first, count); });
        log(LogLevel::debug, [&] {
          return "batch of " + std::to_string(rows.size()) + " images in " + batch.text();
        });
        report(options, first + rows.size());
      },
      options.left_out);
  collector.finish();
  if (options.normalize) normalize_rows(result);
  log_call(images.size(), "images", call);
  return result;
}

// ---- The text flow: tokens -> batches of equal length -> text tower -> mean -> adapter -> rows
//
// Equal texts are encoded once.

void Model::Impl::for_each_caption_batch(
    std::span<const Tokens> texts, const std::vector<std::size_t>& rows,
    const EncodeOptions& options,
    const std::function<void(const TokenBatch&, const at::Tensor&)>& take) const {
  check_part_loaded(text_tower.has_value(), manifest, "text");
  std::size_t done = 0;
  const auto encode = [&](const TokenBatch& batch) {
    check_stop(options.stop);
    const Stopwatch stopwatch;
    torch_errors("texts", [&] {
      std::vector<int> pooled_counts;
      for (const std::size_t row : batch.rows) pooled_counts.push_back(texts[row].pooled);
      const at::Tensor hidden = (*text_tower)(texts, batch, options.stop);  // (B, T, H)
      take(batch, mean_pool(hidden, pooled_counts));                        // (B, H) float32
    });
    log(LogLevel::debug, [&] {
      return "batch of " + std::to_string(batch.rows.size()) + " texts of " +
             std::to_string(batch.token_count) + " tokens in " + stopwatch.text();
    });
    report(options, done += batch.rows.size());
  };
  for (const TokenBatch& batch : equal_length_batches(texts, rows, options.batch_tokens)) {
    const std::size_t all = batch.rows.size();
    const LeaveOut leave_out = [&](std::size_t row, const Error& error) {
      options.left_out(batch.rows[row], error);
    };
    for_each_batch(
        all, all, text_limit,
        [&](std::size_t first, std::size_t count) {
          if (count == all) return encode(batch);
          const auto start = batch.rows.begin() + static_cast<std::ptrdiff_t>(first);
          encode({batch.token_count, {start, start + static_cast<std::ptrdiff_t>(count)}});
        },
        options.left_out ? leave_out : LeaveOut());
  }
}

// Embeddings are often padded beyond the tokenizer's ids. A program with a table of another name is
// held to those.
std::int64_t Model::Impl::vocabulary_size() const {
  const auto table = text_tower->module().weight_shape("embedding.weight");  // (vocabulary, H)
  return table.size() == 2 ? table[0] : tokenizer->vocabulary_size();
}

Embeddings Model::Impl::encode_tokens(std::span<const Tokens> texts,
                                      const EncodeOptions& options) const {
  check_part_loaded(text_tower.has_value(), manifest, "text");
  if (options.adapter) check_part_loaded(adapter.has_value(), manifest, "adapter");
  check_tokens(texts, vocabulary_size());
  const ModelInfo& info = manifest.info();
  const Stopwatch call;
  const EqualTexts equal = find_equal_texts(texts);
  Embeddings result(texts.size(), options.adapter ? info.dim : info.text_width);
  RowCollector collector(result, device);
  const auto take = [&](const TokenBatch& batch, const at::Tensor& captions) {
    collector.add(options.adapter ? (*adapter)(captions) : captions, batch.rows);
  };
  for_each_caption_batch(texts, equal.distinct, for_all_equal(options, equal), take);
  collector.finish();
  repeat_rows(equal, result);
  if (equal.distinct.size() < texts.size()) report(options, texts.size());
  if (options.normalize) normalize_rows(result);
  log_call(texts.size(), "texts", call);
  return result;
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

Model::Model(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;
Model::~Model() = default;

Embeddings Model::encode_images(std::span<const Image> images, const EncodeOptions& options) const {
  return torch_errors("images", [&] {
    return encode_images(std::vector<ImageView>(images.begin(), images.end()), options);
  });
}

Embeddings Model::encode_images(std::span<const ImageView> images,
                                const EncodeOptions& options) const {
  const std::scoped_lock turn(impl_->turn);
  return torch_errors("images", [&] { return impl_->encode_images(images, options); });
}

Embeddings Model::encode_image_pointers(std::span<const Image* const> images,
                                        const EncodeOptions& options) const {
  return torch_errors("images", [&] {
    std::vector<ImageView> views;
    views.reserve(images.size());
    for (const Image* image : images) views.push_back(*image);
    return encode_images(views, options);
  });
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
  const std::scoped_lock turn(impl_->turn);
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

}  // namespace llm2clip
