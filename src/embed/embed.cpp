#include "llm2clip/embed.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/errors_only.h"
#include "base/stop.h"
#include "embed/embed_batches.h"
#include "embed/image_batches.h"
#include "embed/sink.h"
#include "embed/text_batches.h"
#include "llm2clip/detail/command_line.h"
#include "llm2clip/error.h"
#include "model/model_parts.h"
#include "model/second_team.h"

namespace llm2clip {
namespace {

void check_options(const EmbedOptions& options) {
  const auto refuse = [](const char* message) {
    throw Error(ErrorKind::invalid_argument, message);
  };
  if (options.encode.progress || options.encode.left_out || options.encode.stop) {
    refuse(
        "options: the callbacks of `encode` must be empty; those of EmbedOptions take their place");
  }
  if (options.read.reserve) {
    refuse("options: `read.reserve` must be empty; `decode_memory` bounds what is decoded at once");
  }
  if (options.failure_limit.share &&
      !(*options.failure_limit.share >= 0 && *options.failure_limit.share <= 1)) {
    refuse("options: `failure_limit.share` is not in 0..1");
  }
}

// Asks no more once `stop` has said so.
Stop lasting(const Stop& stop) {
  if (!stop) return {};
  return [stop, said = std::make_shared<bool>(false)] { return *said || (*said = stop()); };
}

TakeInput take_of(const std::shared_ptr<SinkAccess::Impl>& sink) {
  return [sink](std::string_view id, std::string_view content, std::string_view stamp) {
    return sink->take(id, content, stamp);
  };
}

// Texts among which those of equal token counts are found: the more, the fuller their batches. Rows
// reach the sink at the end of a window, and a stop drops what is done of it: on a CPU the work of
// some minutes for a tower of 8B and of one for 1B; smaller towers have larger windows.
std::size_t window_of(const Model& model, const EmbedOptions& options) {
  constexpr std::size_t kLeast = 512;
  constexpr std::size_t kMost = 4096;
  constexpr std::uint64_t kWork =
      kLeast * std::uint64_t{2'500'000'000};  // texts times bytes of weights
  const std::uint64_t weights = std::max<std::uint64_t>(model.info().text->bytes, 1);
  const std::size_t window =
      model.device() == "cpu" ? std::clamp(kWork / weights, kLeast, kMost) : kMost;
  return std::min(window, std::max<std::size_t>(options.text_window, 1));
}

EncodeOptions encode_options(const EmbedOptions& options, const Stop& stop) {
  EncodeOptions encode = options.encode;
  encode.stop = stop;
  return encode;
}

}  // namespace

EmbedSummary embed_images(const Model& model, ImageSource source, EmbedSink sink,
                          const EmbedOptions& options) try {
  require_vision(model);
  const auto load = [&]() -> const Model& { return model; };
  return embed_images(model.info(), load, std::move(source), std::move(sink), options);
} catch (...) {
  rethrow_as_error("images");
}

// The call keeps the sink alive. NOLINTNEXTLINE(performance-unnecessary-value-param)
EmbedSummary embed_images(const ModelInfo& info, const std::function<const Model&()>& load,
                          ImageSource source, EmbedSink embed_sink,
                          const EmbedOptions& options) try {
  check_options(options);
  const Stop stop = lasting(options.stop);
  const auto& sink = SinkAccess::of(embed_sink);
  sink->begin(info.dim);
  Account account(options, source.total(), sink->manner().keeps_failures);
  ImageBatches batches(std::move(source), info.preprocess, options, take_of(sink), stop,
                       sink->thumbnail_side());
  BatchWriter writer(sink, options);
  const Model* model = nullptr;
  std::optional<SecondTeam> team;  // note [Idle threads sleep]
  return embed_batches(batches, writer, account, encode_options(options, stop),
                       [&](const PreprocessedBatch& images, const EncodeOptions& encode) {
                         if (images.crops.empty()) return Embeddings(0, info.dim);
                         if (model == nullptr) require_vision(*(model = &load()));
                         Embeddings rows = model->encode_crops(images.crops, encode);
                         if (!team && model->device() == "cpu") team.emplace();
                         return rows;
                       });
} catch (...) {
  rethrow_as_error("images");
}

// The call keeps the sink alive. NOLINTNEXTLINE(performance-unnecessary-value-param)
EmbedSummary embed_texts(const Model& model, TextSource source, EmbedSink embed_sink,
                         const EmbedOptions& options) try {
  check_options(options);
  require_text(model, options.encode.adapter);
  const ModelInfo& info = model.info();
  const Stop stop = lasting(options.stop);
  const auto& sink = SinkAccess::of(embed_sink);
  sink->begin(options.encode.adapter ? info.dim : info.text_width);
  Account account(options, source.total(), sink->manner().keeps_failures);
  TextBatches batches(std::move(source), shared_tokenizer(model),
                      {.window = window_of(model, options),
                       .longest = detail::longest_text(info.tokenizer),
                       .on_long = options.on_long},
                      take_of(sink), stop, options.leave_threads);
  BatchWriter writer(sink, options);
  return embed_batches(batches, writer, account, encode_options(options, stop),
                       [&](const TextBatches::Texts& texts, const EncodeOptions& encode) {
                         return model.encode_tokens(texts.tokens, encode);
                       });
} catch (...) {
  rethrow_as_error("texts");
}

EmbedSummary preprocess_images(const PreprocessOptions& preprocess, ImageSource source,
                               const std::function<void(const PreprocessedBatch& batch)>& take,
                               const EmbedOptions& options) try {
  check_options(options);
  normalize_crops({}, preprocess, {});  // refuses what it cannot mean
  const Stop stop = lasting(options.stop);
  Account account(options, source.total());
  const auto take_all = [index = std::uint64_t{0}](std::string_view id, std::string_view,
                                                   std::string_view) mutable {
    return std::optional<RunInput>({index++, std::string(id), {}});
  };
  ImageBatches batches(std::move(source), preprocess, options, take_all, stop);
  while (const std::optional<SeenBatch> batch = batches.next()) {
    account.count(batch->outcomes);
    take(*batch);
  }
  return account.summary();
} catch (...) {
  rethrow_as_error("images");
}

}  // namespace llm2clip
