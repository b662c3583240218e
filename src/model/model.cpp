#include "llm2clip/model.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <numeric>
#include <optional>
#include <utility>

#include "base/errors_only.h"
#include "base/log.h"
#include "base/widest.h"
#include "encoder/cpu/optimize_choice.h"
#include "encoder/device.h"
#include "encoder/pooling.h"
#include "encoder/rows.h"
#include "encoder/torch_errors.h"
#include "llm2clip/error.h"
#include "llm2clip/similarity.h"
#include "model/compatibility.h"
#include "model/memory_plan.h"
#include "model/model_impl.h"
#include "model/shared_tokenizer.h"

namespace llm2clip {
namespace {

void report(const EncodeOptions& options, std::size_t done) {
  if (options.progress && !options.progress(done)) cancel();
}

// Puts the rows of batches into the rows of the result that they belong to. A GPU is left one batch
// behind: what it made comes back while it computes the next.
class RowCollector {
 public:
  RowCollector(Embeddings& result, const std::string& device)
      : result_(result), one_behind_(device != "cpu") {}

  void add(const at::Tensor& batch, std::span<const std::size_t> rows) {
    Pending added{Readback(batch), {rows.begin(), rows.end()}};
    if (!one_behind_) return put(added);
    finish();
    pending_ = std::make_unique<Pending>(std::move(added));
  }

  void finish() {
    if (pending_) put(*pending_);
    pending_.reset();
  }

 private:
  struct Pending {
    Readback readback;
    std::vector<std::size_t> rows;
  };

  void put(const Pending& batch) {
    const std::size_t dim = result_.dim();
    std::vector<float> values(batch.rows.size() * dim);
    batch.readback.finish(values);
    for (std::size_t i = 0; i < batch.rows.size(); ++i) {
      std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(i * dim), dim,
                  result_[batch.rows[i]].begin());
    }
  }

  Embeddings& result_;
  bool one_behind_;
  std::unique_ptr<Pending> pending_;
};

void check_part_loaded(bool loaded, const Manifest& manifest, const char* part) {
  if (loaded) return;
  throw Error(ErrorKind::invalid_argument,
              "model " + manifest.info().name + ": its " + part +
                  " part is not there or was not loaded; use a directory that has it");
}

[[noreturn]] void refuse_text(std::size_t text, const std::string& why) {
  throw Error(ErrorKind::invalid_argument, "tokens of text " + std::to_string(text) + ": " + why);
}

void check_tokens(std::span<const Tokens> texts, std::int64_t vocabulary) {
  for (std::size_t text = 0; text < texts.size(); ++text) {
    const auto& [ids, pooled, truncated] = texts[text];
    if (ids.empty()) refuse_text(text, "a text without ids");
    if (pooled < 0 || static_cast<std::size_t>(pooled) > ids.size()) {
      refuse_text(text, std::to_string(pooled) + " are pooled of " + std::to_string(ids.size()));
    }
    const auto unknown = std::find_if(ids.begin(), ids.end(),
                                      [&](std::int64_t id) { return id < 0 || id >= vocabulary; });
    if (unknown == ids.end()) continue;
    refuse_text(text, "id " + std::to_string(*unknown) + " at position " +
                          std::to_string(unknown - ids.begin()) + ", ids are from 0 to " +
                          std::to_string(vocabulary - 1));
  }
}

std::string text_of(const Choice& choice, const OptimizeOutcome& optimized) {
  const char* what = optimized.how == Optimized::none       ? "not optimized ("
                     : optimized.how == Optimized::in_place ? "optimized, not prepacked ("
                                                            : "optimized and prepacked (";
  return what + (optimized.why.empty() ? choice.why : optimized.why) + ")";
}

void log_part(const PartInfo& part, const TorchModule& module, const PrecisionChoice& precision,
              const Choice& choice, const Stopwatch& stopwatch) {
  const PartMemory memory = module.memory();
  log(LogLevel::info, [&] {
    return part.file + ": " + part.precision + ", computes in " + precision.precision + " on " +
           module.device().str() + " (" + precision.why + "); " +
           std::to_string(memory.mapped_bytes) + " bytes mapped, " +
           std::to_string(memory.copied_bytes) + " copied; " + text_of(choice, module.optimized()) +
           "; loaded in " + stopwatch.text();
  });
  if (precision.slow) {
    log(LogLevel::warning, [&] {
      return part.file + ": computes in " + precision.precision + " (" + precision.why + ")";
    });
  }
  if (memory.mapped_bytes == 0 && module.device().is_cpu() &&
      precision.precision == part.precision && module.optimized().how != Optimized::prepacked) {
    log(LogLevel::warning, [&] {
      return part.file + ": none of its weights could be mapped; every process has its own copy";
    });
  }
}

void log_processor() {
  log(LogLevel::info, [] { return "this processor " + describe_processor(); });
  const char* most = std::getenv("LLM2CLIP_MAX_CPU_ISA");
  if (most && *most != '\0' && !vector_level_named(most)) {
    log(LogLevel::warning, [&] {
      return "LLM2CLIP_MAX_CPU_ISA: expected AVX512, AVX2 or DEFAULT, got \"" + std::string(most) +
             "\"; nothing is held back";
    });
  }
}

void log_operators(const PartInfo& part, const std::map<std::string, int>& operators) {
  if (operators.empty()) return;
  log(LogLevel::debug, [&] {
    std::string line = part.file + ": optimized with";
    for (const auto& [name, count] : operators) line += " " + std::to_string(count) + " " + name;
    return line;
  });
}

void log_call(std::size_t count, const char* what, const Stopwatch& stopwatch) {
  log(LogLevel::info,
      [&] { return "encoded " + std::to_string(count) + " " + what + " in " + stopwatch.text(); });
}

void log_batch(std::size_t count, const std::string& what, const Stopwatch& stopwatch) {
  log(LogLevel::debug,
      [&] { return "batch of " + std::to_string(count) + " " + what + " in " + stopwatch.text(); });
}

void check_crops(std::size_t bytes, std::size_t side) {
  const std::size_t size = 3 * side * side;
  if (bytes % size == 0) return;
  throw Error(ErrorKind::invalid_argument, "crops: have " + std::to_string(bytes) +
                                               " bytes, a multiple of " + std::to_string(size) +
                                               " is expected (RGB of " + std::to_string(side) +
                                               "x" + std::to_string(side) + " pixels each)");
}

// Some of the texts of a batch.
TokenBatch part_of(const TokenBatch& batch, std::size_t first, std::size_t count) {
  const auto start = batch.rows.begin() + static_cast<std::ptrdiff_t>(first);
  return {batch.token_count, {start, start + static_cast<std::ptrdiff_t>(count)}};
}

// Tells of a text of `batch` that does not fit, and of all that are equal to it.
LeaveOut leave_out_of(const TokenBatch& batch, const EqualTexts& equal,
                      const EncodeOptions& options) {
  if (!options.left_out) return {};
  return [&](std::size_t row, const Error& error) {
    const std::size_t first = batch.rows[row];
    for (std::size_t text = first; text < equal.first_of.size(); ++text) {
      if (equal.first_of[text] == first) options.left_out(text, error);
    }
  };
}

// Texts whose tokens memory sufficed for, and which of the inputs they are.
struct Tokenized {
  std::vector<Tokens> tokens;
  std::vector<std::size_t> inputs;
};

Tokenized tokenize(const Tokenizer& tokenizer, std::span<const std::string> texts,
                   const EncodeOptions& options) {
  Tokenized result;
  result.tokens.reserve(texts.size());
  result.inputs.reserve(texts.size());
  BatchLimit limit;
  const auto encode = [&](std::size_t text, std::size_t) {
    result.tokens.push_back(tokenizer.encode(texts[text]));
    result.inputs.push_back(text);
  };
  for_each_batch(texts.size(), 1, limit, encode, options.left_out);
  return result;
}

// For a call with those of the inputs alone.
EncodeOptions for_inputs(const std::vector<std::size_t>& inputs, const EncodeOptions& options) {
  EncodeOptions result = options;
  if (options.left_out) {
    result.left_out = [&](std::size_t text, const Error& error) {
      options.left_out(inputs[text], error);
    };
  }
  return result;
}

// Zeros for inputs that have no row.
Embeddings spread(const Embeddings& rows, const std::vector<std::size_t>& inputs,
                  std::size_t count) {
  Embeddings all(count, rows.dim());
  for (std::size_t row = 0; row < inputs.size(); ++row) {
    std::copy_n(rows[row].begin(), rows.dim(), all[inputs[row]].begin());
  }
  return all;
}

void repeat_rows(const EqualTexts& equal, Embeddings& rows) {
  for (std::size_t text = 0; text < equal.first_of.size(); ++text) {
    const std::size_t first = equal.first_of[text];
    if (first != text) std::copy_n(rows[first].begin(), rows.dim(), rows[text].begin());
  }
}

// The files of the parts that are to be loaded, after their hashes were found right: LibTorch sees
// none of them before all are.
struct CheckedFiles {
  std::filesystem::path vision;
  std::filesystem::path tokenizer;
  std::filesystem::path text;
  std::filesystem::path adapter;
};

CheckedFiles check_files(const Manifest& manifest, const LoadOptions& options) {
  const ModelInfo& info = manifest.info();
  const auto checked = [&](const std::string& file) {
    return manifest.checked_file(file, options.always_hash, [&] { check_stop(options.stop); });
  };
  CheckedFiles files;
  if (options.vision && info.vision) files.vision = checked(info.vision->file);
  if (options.text && info.text) {
    files.tokenizer = checked(info.tokenizer_file);
    files.text = checked(info.text->file);
  }
  if (options.text && info.adapter) files.adapter = checked(info.adapter->file);
  return files;
}

std::uint64_t bytes_of(const std::string& precision) { return precision == "float32" ? 4 : 2; }

// Of a part in the precision that it computes in.
std::uint64_t weight_bytes(const PartInfo& part, const std::string& precision) {
  return part.bytes / bytes_of(part.precision) * bytes_of(precision);
}

// What the parts compute in that are there and wanted.
struct Precisions {
  std::optional<PrecisionChoice> vision, text, adapter;
};

Precisions choose_precisions(const ModelInfo& info, const LoadOptions& options,
                             const std::string& device) {
  const auto choice = [&](const std::optional<PartInfo>& part,
                          bool wanted) -> std::optional<PrecisionChoice> {
    if (!part || !wanted) return std::nullopt;
    return choose_precision(to_string(options.precision), part->precision, device,
                            processor_products());
  };
  return {choice(info.vision, options.vision), choice(info.text, options.text),
          choice(info.adapter, options.text)};
}

MemoryPlan plan_memory(const ModelInfo& info, const Precisions& precisions,
                       const std::string& device) {
  // Floats of scratch per value of the input, or of a state of width H. ScratchMeter gives 5.6 and
  // 7 for the demo model; more than doubled, as larger towers are wider inside.
  constexpr std::uint64_t kPerPixel = 16;
  constexpr std::uint64_t kPerState = 12;
  constexpr std::uint64_t kFloat = sizeof(float);
  const EncodeOptions batches;
  MemoryPlan plan;
  const auto add = [&](const std::optional<PartInfo>& part,
                       const std::optional<PrecisionChoice>& choice) {
    if (!choice) return;
    plan.files += part->bytes;
    if (device != "cpu") return;
    if (choice->precision == part->precision) {
      plan.mapped += part->bytes;
    } else {
      plan.copied += weight_bytes(*part, choice->precision);
    }
  };
  add(info.vision, precisions.vision);
  add(info.text, precisions.text);
  add(info.adapter, precisions.adapter);
  if (device != "cpu") return plan;
  const auto side = static_cast<std::uint64_t>(info.preprocess.image_size);
  if (precisions.vision) {
    plan.activations = kPerPixel * kFloat * batches.batch_size * 3 * side * side;
  }
  if (precisions.text) {
    plan.activations =
        std::max(plan.activations, kPerState * kFloat * batches.batch_tokens * info.text_width);
  }
  return plan;
}

// Slow in what is stored is better than not at all: a laptop may hold a tower in bfloat16 and not
// its copy in float32.
void keep_stored_where_copies_do_not_fit(const ModelInfo& info, const std::string& device,
                                         const FreeMemory& free, Precisions& precisions) {
  const MemoryPlan plan = plan_memory(info, precisions, device);
  if (plan.copied + plan.activations <= free.likely()) return;
  const auto keep = [&](const std::optional<PartInfo>& part,
                        std::optional<PrecisionChoice>& choice) {
    if (!choice) return;
    choice = without_copy(*choice, part->precision, weight_bytes(*part, choice->precision));
  };
  keep(info.vision, precisions.vision);
  keep(info.text, precisions.text);
  keep(info.adapter, precisions.adapter);
}

// For a tower, and an adapter, that run one after the other.
Choice choose(const std::optional<PartInfo>& tower, const std::optional<PrecisionChoice>& precision,
              const std::optional<PartInfo>& adapter,
              const std::optional<PrecisionChoice>& adapter_precision, const LoadOptions& options,
              const std::string& device) {
  Work work{.expected_inputs = options.expected_inputs, .free_bytes = free_memory().likely()};
  if (precision) work.weight_bytes += weight_bytes(*tower, precision->precision);
  if (adapter_precision) work.weight_bytes += weight_bytes(*adapter, adapter_precision->precision);
  return choose_optimized(options.optimize, device, work);
}

TorchModule load_part(const std::filesystem::path& file, const PartInfo& part,
                      const LoadOptions& options, const std::string& device, const Choice& choice,
                      const PrecisionChoice& precision) {
  const Stopwatch stopwatch;
  TorchModule module = TorchModule::load(
      file, device, precision.precision == part.precision ? "" : precision.precision, choice.how,
      options.trust_model, options.stop);
  log_part(part, module, precision, choice, stopwatch);
  log_operators(part, module.optimized_operators());
  return module;
}

}  // namespace

const char* to_string(Precision precision) {
  switch (precision) {
    case Precision::automatic:
      return "auto";
    case Precision::bfloat16:
      return "bfloat16";
    case Precision::float16:
      return "float16";
    case Precision::float32:
      return "float32";
  }
  return "auto";
}

const char* to_string(Optimize optimize) {
  switch (optimize) {
    case Optimize::automatic:
      return "auto";
    case Optimize::always:
      return "always";
    case Optimize::never:
      return "never";
  }
  return "auto";
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

Embeddings Model::Impl::encode_vision(std::size_t images, const PutCrop& put_crop,
                                      const EncodeOptions& options) const {
  const PreprocessOptions& preprocess = manifest.info().preprocess;
  const bool on_cpu = device == "cpu";
  const Stopwatch call;
  Embeddings result(images, manifest.info().dim);
  RowCollector collector(result, device);
  std::vector<float> pixels;      // (B, 3, S, S)
  std::vector<std::size_t> rows;  // B
  const auto encode = [&](std::size_t first, std::size_t count) {
    check_stop(options.stop);
    rows.resize(count);
    std::iota(rows.begin(), rows.end(), first);
    const at::Tensor crops = crops_of(put_crop, first, count);  // (B, S, S, 3) uint8
    if (on_cpu) {
      pixels.resize(crops.nbytes());
      normalize_crops({crops.const_data_ptr<std::uint8_t>(), crops.nbytes()}, preprocess, pixels);
    }
    const std::scoped_lock network(turn);
    collector.add(on_cpu ? (*vision_tower)(pixels, options.stop)  // (B, D)
                         : vision_tower->encode_crops(crops),
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

Embeddings Model::Impl::encode_images(std::span<const ImageView> images,
                                      const EncodeOptions& options) const {
  check_part_loaded(vision_tower.has_value(), manifest, "vision");
  const PreprocessOptions& preprocess = manifest.info().preprocess;
  const auto put_crop = [&](std::size_t image, std::span<std::uint8_t> crop) {
    const Image seen = resize_and_crop(images[image], preprocess);
    std::copy(seen.pixels.begin(), seen.pixels.end(), crop.begin());
  };
  return encode_vision(images.size(), put_crop, options);
}

Embeddings Model::Impl::encode_crops(std::span<const std::uint8_t> crops,
                                     const EncodeOptions& options) const {
  check_part_loaded(vision_tower.has_value(), manifest, "vision");
  const auto side = static_cast<std::size_t>(manifest.info().preprocess.image_size);  // S
  const std::size_t size = 3 * side * side;
  check_crops(crops.size(), side);
  const auto put_crop = [&](std::size_t image, std::span<std::uint8_t> crop) {
    const auto seen = crops.subspan(image * size, size);
    std::copy(seen.begin(), seen.end(), crop.begin());
  };
  return encode_vision(crops.size() / size, put_crop, options);
}

// ---- The text flow: tokens -> batches of equal length -> text tower -> mean -> adapter -> rows
//
// Equal texts are encoded once.

at::Tensor Model::Impl::encode_batch(std::span<const Tokens> texts, const TokenBatch& batch,
                                     const EncodeOptions& options) const {
  std::vector<int> pooled_counts;  // B
  for (const std::size_t row : batch.rows) pooled_counts.push_back(texts[row].pooled);
  const at::Tensor hidden = (*text_tower)(texts, batch, options.stop);  // (B, T, H)
  const at::Tensor captions = mean_pool(hidden, pooled_counts);         // (B, H) float32
  return options.adapter ? (*adapter)(captions) : captions;             // (B, D)
}

Embeddings Model::Impl::encode_tokens(std::span<const Tokens> texts,
                                      const EncodeOptions& options) const {
  check_part_loaded(text_tower.has_value(), manifest, "text");
  if (options.adapter) check_part_loaded(adapter.has_value(), manifest, "adapter");
  check_tokens(texts, vocabulary_size());
  const Stopwatch call;
  Embeddings result(texts.size(),
                    options.adapter ? manifest.info().dim : manifest.info().text_width);
  RowCollector collector(result, device);
  const EqualTexts equal = find_equal_texts(texts);
  std::size_t done = 0;
  for (const TokenBatch& all : equal_length_batches(texts, equal.distinct, options.batch_tokens)) {
    const auto encode = [&](std::size_t first, std::size_t count) {
      check_stop(options.stop);
      const Stopwatch stopwatch;
      const TokenBatch batch = part_of(all, first, count);
      torch_errors("texts", [&] {
        const std::scoped_lock network(turn);
        collector.add(encode_batch(texts, batch, options), batch.rows);
      });
      log_batch(count, "texts of " + std::to_string(batch.token_count) + " tokens", stopwatch);
      report(options, done += count);
    };
    const std::size_t count = all.rows.size();
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

// ---- Loading

ModelInfo read_model_info(const std::filesystem::path& directory) {
  return errors_only(directory, [&] { return Manifest::read(directory).info(); });
}

PrecisionChoice choose_precision(const PartInfo& part, const LoadOptions& options) {
  return choose_precision(to_string(options.precision), part.precision,
                          resolve_device(options.device), processor_products());
}

Tokenizer load_tokenizer(const std::filesystem::path& directory, SpecialTokens special_tokens) try {
  const Manifest manifest = Manifest::read(directory);
  const ModelInfo& info = manifest.info();
  check_part_loaded(info.text.has_value(), manifest, "text");
  TokenizerOptions options = info.tokenizer;
  options.special_tokens = special_tokens;
  return Tokenizer::load(manifest.checked_file(info.tokenizer_file, /*always_hash=*/false),
                         options);
} catch (...) {
  rethrow_as_error(directory);
}

Model Model::load(const std::filesystem::path& directory, const LoadOptions& options) try {
  auto impl = std::make_shared<Impl>();
  impl->manifest = Manifest::read(directory, options.manifest_sha256);
  const Manifest& manifest = impl->manifest;
  const ModelInfo& info = manifest.info();
  impl->device = resolve_device(options.device);
  if (options.trust_model) {
    log(LogLevel::warning, [&] {
      return directory.string() +
             ": its programs are trusted, and not held to the operators that "
             "models need";
    });
  }
  const Stopwatch stopwatch;
  log(LogLevel::info, [&] { return "loading " + info.name + " from " + directory.string(); });

  Precisions precisions = choose_precisions(info, options, impl->device);
  const auto free = free_memory();
  if (options.precision == Precision::automatic) {
    keep_stored_where_copies_do_not_fit(info, impl->device, free, precisions);
  }
  log_processor();
  check_memory_plan(directory.string(), plan_memory(info, precisions, impl->device), free);
  const CheckedFiles files = check_files(manifest, options);
  if (precisions.vision) {
    const Choice choice = choose(info.vision, precisions.vision, {}, {}, options, impl->device);
    TorchModule tower =
        load_part(files.vision, *info.vision, options, impl->device, choice, *precisions.vision);
    impl->vision_precision = *precisions.vision;
    impl->vision_optimized = to_string(tower.optimized().how);
    impl->vision_tower.emplace(std::move(tower), info.preprocess, info.dim);
  }
  const Choice text_choice =
      choose(info.text, precisions.text, info.adapter, precisions.adapter, options, impl->device);
  if (precisions.text) {
    TokenizerOptions tokenizer = info.tokenizer;
    tokenizer.special_tokens = options.special_tokens;
    impl->tokenizer.emplace(Tokenizer::load(files.tokenizer, tokenizer));
    TorchModule tower =
        load_part(files.text, *info.text, options, impl->device, text_choice, *precisions.text);
    impl->text_precision = *precisions.text;
    impl->text_optimized = to_string(tower.optimized().how);
    impl->text_tower.emplace(std::move(tower), info.text_width);
  }
  if (precisions.adapter) {
    impl->adapter.emplace(load_part(files.adapter, *info.adapter, options, impl->device,
                                    text_choice, *precisions.adapter),
                          info.dim);
  }
  check_fit({.vision = impl->vision_tower ? &impl->vision_tower->module() : nullptr,
             .text = impl->text_tower ? &impl->text_tower->module() : nullptr,
             .adapter = impl->adapter ? &impl->adapter->module() : nullptr,
             .tokenizer = impl->tokenizer ? &*impl->tokenizer : nullptr,
             .tokenizer_path = directory / info.tokenizer_file,
             .dim = info.dim});
  log(LogLevel::info, [&] { return "loaded " + info.name + " in " + stopwatch.text(); });
  return Model(std::move(impl));
} catch (const std::system_error&) {
  rethrow_as_error(directory);
} catch (...) {
  rethrow_torch_error(directory.c_str());
}

// ---- The public face

Model::Model(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
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

Embeddings Model::encode_crops(std::span<const std::uint8_t> crops,
                               const EncodeOptions& options) const {
  return torch_errors("crops", [&] { return impl_->encode_crops(crops, options); });
}

Embeddings Model::encode_texts(std::span<const std::string> texts,
                               const EncodeOptions& options) const {
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
const std::string& Model::vision_precision() const { return impl_->vision_precision.precision; }
const std::string& Model::text_precision() const { return impl_->text_precision.precision; }
const std::string& Model::vision_precision_reason() const { return impl_->vision_precision.why; }
const std::string& Model::text_precision_reason() const { return impl_->text_precision.why; }
const std::string& Model::vision_optimized() const { return impl_->vision_optimized; }
const std::string& Model::text_optimized() const { return impl_->text_optimized; }

std::shared_ptr<const Tokenizer> shared_tokenizer(const Model& model) {
  return {ModelStages::share(model), &model.tokenizer()};
}

MemoryStatistics Model::memory() const {
  MemoryStatistics statistics;
  if (impl_->vision_tower) statistics.vision = impl_->vision_tower->memory();
  if (impl_->text_tower) statistics.text = impl_->text_tower->memory();
  if (impl_->adapter) statistics.adapter = impl_->adapter->memory();
  return statistics;
}

}  // namespace llm2clip
