#include "model/loading.h"

#include <utility>

#include "base/errors_only.h"
#include "base/free_memory.h"
#include "base/log.h"
#include "encoder/cpu/optimize_choice.h"
#include "encoder/device.h"
#include "model/compatibility.h"
#include "model/loading_log.h"
#include "model/memory_plan.h"
#include "model/precisions.h"

namespace llm2clip {
namespace {

using Impl = ModelStages::Impl;

// What each part computes in, after it is sure that memory can suffice.
Precisions plan_precisions(const ModelFiles& files, const ModelInfo& info,
                           const LoadOptions& options, const std::string& device) {
  Precisions precisions = choose_precisions(info, options, device);
  const FreeMemory free = free_memory();
  if (options.precision == Precision::automatic) {
    keep_stored_where_copies_do_not_fit(info, device, options.optimize, free, precisions);
  }
  log_processor();
  check_memory_plan(files.name().string(), plan_memory(info, precisions, device, options.optimize),
                    free);
  return precisions;
}

// The files of the parts that are to be loaded, after their hashes were found right: LibTorch sees
// none of them before all are.
struct CheckedFiles {
  StoredFile vision, tokenizer, text, adapter;
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

// How a tower, and an adapter, that run one after the other are optimized.
Choice choose(const std::optional<PartInfo>& tower, const std::optional<PrecisionChoice>& precision,
              const std::optional<PartInfo>& adapter,
              const std::optional<PrecisionChoice>& adapter_precision, const LoadOptions& options,
              const std::string& device) {
  Work work{.expected_inputs = options.expected_inputs, .free_bytes = free_memory().likely()};
  if (precision) work.weight_bytes += weight_bytes(*tower, precision->precision);
  if (adapter_precision) work.weight_bytes += weight_bytes(*adapter, adapter_precision->precision);
  return choose_optimized(options.optimize, device, work);
}

TorchModule load_part(const StoredFile& file, const PartInfo& part, const LoadOptions& options,
                      const std::string& device, const Choice& choice,
                      const PrecisionChoice& precision) {
  const Stopwatch stopwatch;
  TorchModule module = TorchModule::load(
      file, device, precision.precision == parameter_precision(part) ? "" : precision.precision,
      choice.how, options.trust_model, options.stop);
  log_part(part, module, precision, choice, stopwatch);
  return module;
}

LoadedPart loaded_part(const PartInfo& part, const TorchModule& module,
                       const PrecisionChoice& precision) {
  return {.file = part.file,
          .stored_precision = part.precision,
          .precision = precision.precision,
          .precision_reason = precision.why,
          .device = module.device().str(),
          .optimized = to_string(module.optimized().how),
          .memory = {}};
}

Tokenizer tokenizer_of(const StoredFile& file, const TokenizerOptions& options) {
  if (!file.bytes) return Tokenizer::load(file.path, options);
  return Tokenizer::parse({reinterpret_cast<const char*>(file.bytes->data()), file.bytes->size()},
                          file.path.string(), options);
}

void load_vision(const CheckedFiles& files, const Precisions& precisions,
                 const LoadOptions& options, Impl& impl) {
  if (!precisions.vision) return;
  const ModelInfo& info = impl.manifest.info();
  const Choice choice = choose(info.vision, precisions.vision, {}, {}, options, impl.device);
  TorchModule tower =
      load_part(files.vision, *info.vision, options, impl.device, choice, *precisions.vision);
  impl.vision = loaded_part(*info.vision, tower, *precisions.vision);
  impl.vision_tower.emplace(std::move(tower), info.preprocess, info.dim);
}

// Tokenizer, tower and adapter.
void load_text(const CheckedFiles& files, const Precisions& precisions, const LoadOptions& options,
               Impl& impl) {
  const ModelInfo& info = impl.manifest.info();
  const Choice choice =
      choose(info.text, precisions.text, info.adapter, precisions.adapter, options, impl.device);
  if (precisions.text) {
    TokenizerOptions tokenizer = info.tokenizer;
    tokenizer.special_tokens = options.special_tokens;
    impl.tokenizer.emplace(tokenizer_of(files.tokenizer, tokenizer));
    TorchModule tower =
        load_part(files.text, *info.text, options, impl.device, choice, *precisions.text);
    impl.text = loaded_part(*info.text, tower, *precisions.text);
    impl.text_tower.emplace(std::move(tower), info.text_width);
  }
  if (precisions.adapter) {
    TorchModule module =
        load_part(files.adapter, *info.adapter, options, impl.device, choice, *precisions.adapter);
    impl.adapter_part = loaded_part(*info.adapter, module, *precisions.adapter);
    impl.adapter.emplace(std::move(module), info.dim);
  }
}

void check_parts_fit(const Impl& impl) {
  const ModelInfo& info = impl.manifest.info();
  check_fit(
      {.vision = impl.vision_tower ? &impl.vision_tower->module() : nullptr,
       .text = impl.text_tower ? &impl.text_tower->module() : nullptr,
       .adapter = impl.adapter ? &impl.adapter->module() : nullptr,
       .tokenizer = impl.tokenizer ? &*impl.tokenizer : nullptr,
       .tokenizer_path = impl.tokenizer ? impl.manifest.files().at(info.tokenizer_file).path : "",
       .dim = info.dim});
}

}  // namespace

std::shared_ptr<Impl> load_stages(const ModelFiles& files, const LoadOptions& options) {
  auto impl = std::make_shared<Impl>();
  impl->manifest = Manifest::read(files, options.manifest_sha256);
  impl->device = resolve_device(options.device);
  const ModelInfo& info = impl->manifest.info();
  log_trust(files.name(), options);
  const Stopwatch stopwatch;
  log(LogLevel::info, [&] { return "loading " + info.name + " from " + files.name().string(); });
  const Precisions precisions = plan_precisions(files, info, options, impl->device);
  const CheckedFiles checked = check_files(impl->manifest, options);
  load_vision(checked, precisions, options, *impl);
  load_text(checked, precisions, options, *impl);
  check_parts_fit(*impl);
  log(LogLevel::info, [&] { return "loaded " + info.name + " in " + stopwatch.text(); });
  return impl;
}

ModelInfo read_model_info(const std::filesystem::path& directory) {
  return errors_only(directory, [&] { return Manifest::read(directory).info(); });
}

Tokenizer load_tokenizer(const std::filesystem::path& directory, SpecialTokens special_tokens) {
  return errors_only(directory, [&] {
    const Manifest manifest = Manifest::read(directory);
    const ModelInfo& info = manifest.info();
    check_part_loaded(info.text.has_value(), manifest, "text");
    TokenizerOptions options = info.tokenizer;
    options.special_tokens = special_tokens;
    return tokenizer_of(manifest.checked_file(info.tokenizer_file, /*always_hash=*/false), options);
  });
}

}  // namespace llm2clip
