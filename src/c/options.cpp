#include "c/options.h"

#include <algorithm>

#include "c/arguments.h"

namespace llm2clip::c {
namespace {

llm2clip_load_options default_load_options() {
  const LoadOptions defaults;
  return {.struct_size = sizeof(llm2clip_load_options),
          .device = {"auto", 4},
          .precision = LLM2CLIP_PRECISION_AUTO,
          .vision = defaults.vision,
          .text = defaults.text,
          .always_hash = defaults.always_hash,
          .trust_model = defaults.trust_model,
          .special_tokens = LLM2CLIP_SPECIAL_TOKENS_PARSE,
          .optimize = LLM2CLIP_OPTIMIZE_AUTO,
          .manifest_sha256 = {"", 0},
          .expected_inputs = defaults.expected_inputs,
          .stop = nullptr,
          .user_data = nullptr};
}

llm2clip_encode_options default_encode_options() {
  const EncodeOptions defaults;
  return {.struct_size = sizeof(llm2clip_encode_options),
          .batch_size = defaults.batch_size,
          .batch_tokens = defaults.batch_tokens,
          .normalize = defaults.normalize,
          .adapter = defaults.adapter,
          .progress = nullptr,
          .left_out = nullptr,
          .stop = nullptr,
          .user_data = nullptr};
}

llm2clip_read_options default_read_options() {
  const ReadOptions defaults;
  return {.struct_size = sizeof(llm2clip_read_options),
          .max_pixels = defaults.max_pixels,
          .max_file_bytes = defaults.max_file_bytes,
          .max_scans = defaults.max_scans,
          .apply_orientation = defaults.apply_orientation,
          .keep_mode = defaults.keep_mode,
          .max_side = defaults.max_side,
          .max_scan_pixels = defaults.max_scan_pixels};
}

llm2clip_tokenizer_options default_tokenizer_options() {
  static const TokenizerOptions defaults;
  return to_c(defaults);
}

Precision precision_of(llm2clip_precision precision) {
  switch (precision) {
    case LLM2CLIP_PRECISION_AUTO:
      return Precision::automatic;
    case LLM2CLIP_PRECISION_BFLOAT16:
      return Precision::bfloat16;
    case LLM2CLIP_PRECISION_FLOAT16:
      return Precision::float16;
    case LLM2CLIP_PRECISION_FLOAT32:
      return Precision::float32;
    case LLM2CLIP_PRECISION_INT8_DYNAMIC:
      return Precision::int8_dynamic;
    case LLM2CLIP_PRECISION_INT16_DYNAMIC:
      return Precision::int16_dynamic;
    default:
      refuse("precision", "no precision has the number " + std::to_string(precision));
  }
}

Optimize optimize_of(llm2clip_optimize optimize) {
  switch (optimize) {
    case LLM2CLIP_OPTIMIZE_AUTO:
      return Optimize::automatic;
    case LLM2CLIP_OPTIMIZE_ALWAYS:
      return Optimize::always;
    case LLM2CLIP_OPTIMIZE_NEVER:
      return Optimize::never;
    default:
      refuse("optimize", "no choice has the number " + std::to_string(optimize));
  }
}

PreprocessOrder order_of(llm2clip_preprocess_order order) {
  switch (order) {
    case LLM2CLIP_ORDER_HF:
      return PreprocessOrder::hf;
    case LLM2CLIP_ORDER_TORCHVISION:
      return PreprocessOrder::torchvision;
    default:
      refuse("order", "no order has the number " + std::to_string(order));
  }
}

ResizePasses passes_of(llm2clip_resize_passes passes) {
  switch (passes) {
    case LLM2CLIP_PASSES_PILLOW_11:
      return ResizePasses::pillow_11;
    case LLM2CLIP_PASSES_PILLOW_12_2:
      return ResizePasses::pillow_12_2;
    case LLM2CLIP_PASSES_PILLOW_13:
      return ResizePasses::pillow_13;
    default:
      refuse("resize_passes", "no choice has the number " + std::to_string(passes));
  }
}

llm2clip_resize_passes to_c(ResizePasses passes) {
  switch (passes) {
    case ResizePasses::pillow_11:
      return LLM2CLIP_PASSES_PILLOW_11;
    case ResizePasses::pillow_12_2:
      return LLM2CLIP_PASSES_PILLOW_12_2;
    case ResizePasses::pillow_13:
      return LLM2CLIP_PASSES_PILLOW_13;
  }
  return LLM2CLIP_PASSES_PILLOW_11;
}

}  // namespace

std::function<bool()> stop_of(llm2clip_stop_callback stop, void* user_data) {
  if (!stop) return {};
  return [=] { return stop(user_data); };
}

SpecialTokens special_tokens_of(llm2clip_special_tokens special_tokens) {
  switch (special_tokens) {
    case LLM2CLIP_SPECIAL_TOKENS_PARSE:
      return SpecialTokens::parse;
    case LLM2CLIP_SPECIAL_TOKENS_LITERAL:
      return SpecialTokens::literal;
    default:
      refuse("special_tokens", "no choice has the number " + std::to_string(special_tokens));
  }
}

StoredPrecision stored_precision_of(llm2clip_stored_precision precision) {
  switch (precision) {
    case LLM2CLIP_STORED_FLOAT32:
      return StoredPrecision::float32;
    case LLM2CLIP_STORED_FLOAT16:
      return StoredPrecision::float16;
    default:
      refuse("precision", "no stored precision has the number " + std::to_string(precision));
  }
}

std::vector<std::pair<std::string, std::string>> provenance_of(
    const llm2clip_provenance* provenance, size_t count, const char* argument) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const llm2clip_provenance& entry : array_of(provenance, count, argument)) {
    pairs.emplace_back(text_of(entry.key, argument), text_of(entry.value, argument));
  }
  return pairs;
}

LoadOptions load_options_of(const llm2clip_load_options* given) {
  const auto options = read_struct(given, default_load_options(), "options");
  return {.device = std::string(text_of(options.device, "device")),
          .precision = precision_of(options.precision),
          .vision = options.vision,
          .text = options.text,
          .special_tokens = special_tokens_of(options.special_tokens),
          .always_hash = options.always_hash,
          .manifest_sha256 = std::string(text_of(options.manifest_sha256, "manifest_sha256")),
          .trust_model = options.trust_model,
          .optimize = optimize_of(options.optimize),
          .expected_inputs = options.expected_inputs,
          .stop = stop_of(options.stop, options.user_data)};
}

EncodeOptions encode_options_of(const llm2clip_encode_options* given) {
  const auto options = read_struct(given, default_encode_options(), "options");
  EncodeOptions result{.batch_size = options.batch_size,
                       .batch_tokens = options.batch_tokens,
                       .normalize = options.normalize,
                       .adapter = options.adapter};
  if (options.progress) {
    result.progress = [=](std::size_t done) { return options.progress(done, options.user_data); };
  }
  if (options.left_out) {
    result.left_out = [=](std::size_t input, const Error& error) {
      const std::string_view why = error.what();
      if (!options.left_out(input, why.data(), why.size(), options.user_data)) cancel();
    };
  }
  result.stop = stop_of(options.stop, options.user_data);
  return result;
}

ReadOptions read_options_of(const llm2clip_read_options* given) {
  const auto options = read_struct(given, default_read_options(), "options");
  return {.max_pixels = options.max_pixels,
          .max_side = options.max_side,
          .max_file_bytes = options.max_file_bytes,
          .max_scans = options.max_scans,
          .max_scan_pixels = options.max_scan_pixels,
          .apply_orientation = options.apply_orientation,
          .keep_mode = options.keep_mode};
}

PreprocessOptions preprocess_options_of(const llm2clip_preprocess_options* given) {
  const auto options = read_struct(given, to_c(PreprocessOptions()), "options");
  PreprocessOptions result{.image_size = options.image_size, .order = order_of(options.order)};
  std::copy_n(options.mean, 3, result.mean.begin());
  std::copy_n(options.std, 3, result.std.begin());
  result.resize_passes = passes_of(options.resize_passes);
  return result;
}

TokenizerOptions tokenizer_options_of(const llm2clip_tokenizer_options* given) {
  const auto options = read_struct(given, default_tokenizer_options(), "options");
  TokenizerOptions result;
  result.prompt.prefix = text_of(options.prompt_prefix, "prompt_prefix");
  result.prompt.suffix = text_of(options.prompt_suffix, "prompt_suffix");
  result.prompt.separator = text_of(options.prompt_separator, "prompt_separator");
  result.max_tokens = options.max_tokens;
  result.doc_max_length = options.doc_max_length;
  result.special_tokens = special_tokens_of(options.special_tokens);
  return result;
}

llm2clip_preprocess_options to_c(const PreprocessOptions& options) {
  llm2clip_preprocess_options result{.struct_size = sizeof(llm2clip_preprocess_options),
                                     .image_size = options.image_size,
                                     .order = options.order == PreprocessOrder::hf
                                                  ? LLM2CLIP_ORDER_HF
                                                  : LLM2CLIP_ORDER_TORCHVISION,
                                     .mean = {},
                                     .std = {},
                                     .resize_passes = to_c(options.resize_passes)};
  std::copy_n(options.mean.begin(), 3, result.mean);
  std::copy_n(options.std.begin(), 3, result.std);
  return result;
}

llm2clip_tokenizer_options to_c(const TokenizerOptions& options) {
  return {.struct_size = sizeof(llm2clip_tokenizer_options),
          .prompt_prefix = borrowed(options.prompt.prefix),
          .prompt_suffix = borrowed(options.prompt.suffix),
          .prompt_separator = borrowed(options.prompt.separator),
          .max_tokens = options.max_tokens,
          .doc_max_length = options.doc_max_length,
          .special_tokens = options.special_tokens == SpecialTokens::parse
                                ? LLM2CLIP_SPECIAL_TOKENS_PARSE
                                : LLM2CLIP_SPECIAL_TOKENS_LITERAL};
}

}  // namespace llm2clip::c

using namespace llm2clip::c;

llm2clip_status llm2clip_load_options_init(llm2clip_load_options* options, size_t struct_size) {
  return guarded([&] { write_struct(options, struct_size, default_load_options(), "options"); });
}

llm2clip_status llm2clip_encode_options_init(llm2clip_encode_options* options, size_t struct_size) {
  return guarded([&] { write_struct(options, struct_size, default_encode_options(), "options"); });
}

llm2clip_status llm2clip_read_options_init(llm2clip_read_options* options, size_t struct_size) {
  return guarded([&] { write_struct(options, struct_size, default_read_options(), "options"); });
}

llm2clip_status llm2clip_preprocess_options_init(llm2clip_preprocess_options* options,
                                                 size_t struct_size) {
  return guarded(
      [&] { write_struct(options, struct_size, to_c(llm2clip::PreprocessOptions()), "options"); });
}

llm2clip_status llm2clip_tokenizer_options_init(llm2clip_tokenizer_options* options,
                                                size_t struct_size) {
  return guarded(
      [&] { write_struct(options, struct_size, default_tokenizer_options(), "options"); });
}
