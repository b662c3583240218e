#include "c/embed_options.h"

#include "c/arguments.h"
#include "c/options.h"
#include "c/summary.h"

namespace llm2clip::c {
namespace {

llm2clip_embed_options default_embed_options() {
  static const EmbedOptions defaults;
  return {.struct_size = sizeof(llm2clip_embed_options),
          .batch_size = defaults.encode.batch_size,
          .batch_tokens = defaults.encode.batch_tokens,
          .normalize = defaults.encode.normalize,
          .adapter = defaults.encode.adapter,
          .stop_at_failure = defaults.stop_at_failure,
          .on_long = LLM2CLIP_ON_LONG_TRUNCATE,
          .read = nullptr,
          .decoding_threads = defaults.decoding_threads,
          .decode_memory = defaults.decode_memory,
          .text_window = defaults.text_window,
          .batches_ahead = defaults.batches_ahead,
          .bytes_ahead = defaults.bytes_ahead,
          .batches_behind = defaults.batches_behind,
          .bytes_behind = defaults.bytes_behind,
          .most_failures = UINT64_MAX,
          .most_failed_share = 1,
          .failure_advice = borrowed(defaults.failure_limit.advice),
          .progress = nullptr,
          .failed = nullptr,
          .stop = nullptr,
          .user_data = nullptr};
}

OnLong on_long_of(llm2clip_on_long on_long) {
  switch (on_long) {
    case LLM2CLIP_ON_LONG_TRUNCATE:
      return OnLong::truncate;
    case LLM2CLIP_ON_LONG_ERROR:
      return OnLong::error;
    default:
      refuse("on_long", "no choice has the number " + std::to_string(on_long));
  }
}

FailureLimit failure_limit_of(const llm2clip_embed_options& options) {
  FailureLimit limit;
  if (options.most_failures != UINT64_MAX) limit.count = options.most_failures;
  if (options.most_failed_share != 1) limit.share = options.most_failed_share;
  limit.advice = text_of(options.failure_advice, "failure_advice");
  return limit;
}

void set_callbacks(EmbedOptions& result, const llm2clip_embed_options& options) {
  if (options.progress) {
    result.progress = [=](std::uint64_t done, std::optional<std::uint64_t> total) {
      return options.progress(done, total.value_or(0), options.user_data);
    };
  }
  if (options.failed) {
    result.failed = [=](const Outcome& outcome) {
      const llm2clip_outcome told = to_c(outcome);
      if (!options.failed(&told, options.user_data)) cancel();
    };
  }
  result.stop = stop_of(options.stop, options.user_data);
}

}  // namespace

EmbedOptions embed_options_of(const llm2clip_embed_options* given) {
  const auto options = read_struct(given, default_embed_options(), "options");
  EmbedOptions result{.encode = {.batch_size = options.batch_size,
                                 .batch_tokens = options.batch_tokens,
                                 .normalize = options.normalize,
                                 .adapter = options.adapter},
                      .read = read_options_of(options.read),
                      .on_long = on_long_of(options.on_long),
                      .decoding_threads = options.decoding_threads,
                      .decode_memory = options.decode_memory,
                      .text_window = options.text_window,
                      .batches_ahead = options.batches_ahead,
                      .bytes_ahead = options.bytes_ahead,
                      .batches_behind = options.batches_behind,
                      .bytes_behind = options.bytes_behind,
                      .stop_at_failure = options.stop_at_failure,
                      .failure_limit = failure_limit_of(options)};
  set_callbacks(result, options);
  return result;
}

}  // namespace llm2clip::c

using namespace llm2clip::c;

llm2clip_status llm2clip_embed_options_init(llm2clip_embed_options* options, size_t struct_size) {
  return guarded([&] { write_struct(options, struct_size, default_embed_options(), "options"); });
}
