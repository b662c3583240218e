#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "llm2clip/embeddings.h"
#include "llm2clip/export.h"
#include "llm2clip/image.h"
#include "llm2clip/index.h"
#include "llm2clip/model.h"
#include "llm2clip/preprocess.h"
#include "llm2clip/run.h"

/// Embedding many inputs: a source gives them, threads read, decode and tokenize a few batches
/// ahead of the network, and a sink takes the rows. What the command line's embed-image and
/// embed-text do.
///
///   llm2clip::Run run("rows.npy", {.dim = model.info().dim, .provenance = provenance});
///   llm2clip::EmbedSummary done = llm2clip::embed_images(model, paths, run);
///   run.finish();  // done.embedded rows, and done.failed lines in rows.npy.errors.jsonl
///
/// Inputs keep their order. One that cannot be used is an outcome without a row, and the others go
/// on. Which inputs make a batch depends on their order alone, because rows differ in their last
/// digits with the size of their batch; so a run that was stopped and resumed gives the same bytes.
namespace llm2clip {

/// An image that a source gives.
struct ImageInput {
  /// A file, the bytes of a file, or pixels.
  using Content = std::variant<std::filesystem::path, std::vector<std::uint8_t>, Image>;

  std::string id;        ///< what results and messages call it: for a file its path
  Content content = {};  ///< read, decoded and resized in threads of the call
  /// Set: the source could not make use of the input, and it fails in its place among the others.
  std::optional<RunFailure> failure = {};
  /// What Run::take compares: the content's identity wherever it is read. Empty: the size of a
  /// file, the bytes, the pixels, or the message of the failure.
  std::string identity = {};
  /// What Run::take compares on this machine alone. Empty: the time of a file.
  std::string stamp = {};
};

/// A text that a source gives, UTF-8.
struct TextInput {
  std::string id;          ///< what results call it
  std::string text = {};   ///< tokenized in a thread of the call
  std::string place = {};  ///< what messages call it, "captions.txt:7"; empty: "text 7"
  /// As of ImageInput.
  std::optional<RunFailure> failure = {};
};

/// What an element of a range becomes: an ImageInput itself.
inline ImageInput to_input(std::type_identity<ImageInput>, ImageInput input) { return input; }
/// A file, whose path is its id.
inline ImageInput to_input(std::type_identity<ImageInput>, const std::filesystem::path& file) {
  return {.id = file.string(), .content = file};
}
/// (id, path), (id, bytes) or (id, Image).
template <std::convertible_to<std::string> Id, std::convertible_to<ImageInput::Content> Content>
ImageInput to_input(std::type_identity<ImageInput>, std::pair<Id, Content> named) {
  return {.id = std::move(named.first), .content = std::move(named.second)};
}
/// A TextInput itself.
inline TextInput to_input(std::type_identity<TextInput>, TextInput input) { return input; }
/// A text that is its own id.
inline TextInput to_input(std::type_identity<TextInput>, std::string_view text) {
  return {.id = std::string(text), .text = std::string(text)};
}
/// (id, text).
inline TextInput to_input(std::type_identity<TextInput>,
                          std::pair<std::string, std::string> named) {
  return {.id = std::move(named.first), .text = std::move(named.second)};
}

/// Where inputs come from, one after the other: a range, or a callback. Made where it is passed:
///
///   embed_images(model, paths, rows)     // a vector of paths
///   embed_texts(model, captions, rows)   // a vector of strings
///   embed_texts(model, [&]() -> std::optional<TextInput> { ... }, rows)
///
/// A range that is an lvalue is referred to and must stay as it is during the call; an rvalue is
/// moved in. A thread of the call asks for the inputs, so a callback may wait, for a file or a
/// queue; what it throws ends the call.
template <typename Input>
class InputSource {
 public:
  /// Gives the next input; empty after the last one.
  using Next = std::function<std::optional<Input>()>;

  /// `total`: how many it will give, for the progress; empty: unknown.
  template <typename Callback>
    requires std::is_invocable_r_v<std::optional<Input>, Callback&>
  InputSource(Callback next, std::optional<std::uint64_t> total = {})
      : next_(std::move(next)), total_(total) {}

  /// The elements of a range, each by to_input.
  template <std::ranges::viewable_range Range>
    requires(!std::is_invocable_v<std::remove_cvref_t<Range>&> &&
             !std::same_as<std::remove_cvref_t<Range>, InputSource> &&
             !std::same_as<std::remove_cvref_t<Range>, std::filesystem::path> &&
             requires(std::ranges::range_reference_t<Range> element) {
               to_input(std::type_identity<Input>(), std::forward<decltype(element)>(element));
             })
  InputSource(Range&& inputs) {
    using View = std::views::all_t<Range>;
    struct Reading {
      explicit Reading(View view) : all(std::move(view)), at(std::ranges::begin(all)) {}
      View all;
      std::ranges::iterator_t<View> at;
    };
    if constexpr (std::ranges::sized_range<Range>) {
      total_ = static_cast<std::uint64_t>(std::ranges::size(inputs));
    }
    auto reading = std::make_shared<Reading>(std::views::all(std::forward<Range>(inputs)));
    next_ = [reading]() -> std::optional<Input> {
      if (reading->at == std::ranges::end(reading->all)) return std::nullopt;
      Input input = to_input(std::type_identity<Input>(), *reading->at);
      ++reading->at;
      return input;
    };
  }

  /// The next input; empty after the last one.
  std::optional<Input> next() { return next_(); }
  /// How many there will be; empty: unknown.
  std::optional<std::uint64_t> total() const { return total_; }

 private:
  Next next_;
  std::optional<std::uint64_t> total_;
};

/// Where images come from.
using ImageSource = InputSource<ImageInput>;
/// Where texts come from.
using TextSource = InputSource<TextInput>;

/// What became of one input.
struct Outcome {
  RunInput input;                     ///< its position among those that the sink took, and its id
  std::optional<RunFailure> failure;  ///< empty: it has a row
  bool truncated = false;             ///< a text that lost its end
};

/// Inputs one after the other, and their rows.
struct EmbeddedBatch {
  std::vector<Outcome> outcomes;  ///< of the inputs, in order
  Embeddings rows;                ///< (outcomes without a failure, D), in their order
  /// Of the images that have rows, for a sink that is an index with thumbnails; none otherwise.
  std::vector<Thumbnail> thumbnails = {};
};

/// The same of images that are resized and cropped, and not embedded.
struct PreprocessedBatch {
  std::vector<Outcome> outcomes;    ///< of the inputs, in order
  std::vector<std::uint8_t> crops;  ///< (outcomes without a failure, S, S, 3)
};

/// Where batches go. Made where it is passed, for one call:
///
///   Embeddings rows;
///   embed_images(model, paths, rows);  // all rows, in order
///   std::size_t embedded = 0;
///   embed_images(model, paths, [&](const EmbeddedBatch& batch) { embedded += batch.rows.rows();
///   });
///
/// What is referred to must outlive the call.
class LLM2CLIP_API EmbedSink {
 public:
  /// Gets one batch after the other; what it throws ends the call.
  using Take = std::function<void(const EmbeddedBatch& batch)>;

  /// `rows` becomes the rows of the inputs without a failure, in their order, when the call ends
  /// well; EmbedSummary::failures has the others.
  EmbedSink(Embeddings& rows);
  /// Run::take says which inputs are to be embedded. A thread of the call writes, and commits as
  /// the run's options say; it commits too when the call ends early. Run::finish is the caller's.
  EmbedSink(Run& run);
  /// The same for EmbedOptions::leave_threads, where a thread may outlive the call.
  EmbedSink(std::shared_ptr<Run> run);
  /// IndexWriter::take says which inputs are to be embedded: new and changed ones. A thread of the
  /// call writes, and commits as the writer's options say; it commits too when the call ends, well
  /// or early.
  EmbedSink(IndexWriter& writer);
  /// The same for EmbedOptions::leave_threads.
  EmbedSink(std::shared_ptr<IndexWriter> writer);
  /// Called in the thread that embeds, which waits for it.
  template <typename Callback>
    requires std::is_invocable_v<Callback&, const EmbeddedBatch&>
  EmbedSink(Callback take) : EmbedSink(Take(std::move(take)), /*own_thread=*/false) {}
  /// Called in a thread of the call, so that what is written waits for nothing: a few batches may
  /// be under way.
  static EmbedSink in_own_thread(Take take) { return {std::move(take), /*own_thread=*/true}; }

  ~EmbedSink();
  /// A copy goes where the original goes.
  EmbedSink(const EmbedSink&);
  /// As the copy.
  EmbedSink& operator=(const EmbedSink&);

 private:
  friend struct SinkAccess;
  class LLM2CLIP_LOCAL Impl;
  EmbedSink(Take take, bool own_thread);
  std::shared_ptr<Impl> impl_;
};

/// What happens to a text that has more tokens than the model takes. Spelled as on the command
/// line.
enum class OnLong {
  truncate,  ///< it loses its end, and its outcome says so
  error,     ///< the call ends with Error(unreadable_input)
};

/// How many inputs may fail before the call ends with Error(unreadable_input).
struct FailureLimit {
  std::optional<std::uint64_t> count = {};  ///< so many, and no more
  /// Such a share of the inputs so far, 0 to 1; asked from the thousandth input on.
  std::optional<double> share = {};
  std::string advice = "more than the limit allows";  ///< how the message goes on
};

/// How embed_images, embed_texts and preprocess_images work. Nothing here but `encode` and `read`
/// changes a row.
struct EmbedOptions {
  /// Sizes of batches, and what a row is. Its callbacks must be empty: the ones below stand for
  /// them.
  EncodeOptions encode = {};
  /// What images may be. `keep_mode` is set as the model needs it, and `reserve` must be empty.
  ReadOptions read = {};
  OnLong on_long = OnLong::truncate;  ///< texts of more tokens than the model takes
  /// Threads that decode and resize, at a low priority (nice 10), so that the network has the cores
  /// while it computes. 0: one for each processor.
  std::size_t decoding_threads = 0;
  /// Bytes that images may take which are decoded at the same time; a larger one is decoded alone.
  std::uint64_t decode_memory = std::uint64_t{1} << 30;
  /// The most texts that batches are made of at once.
  /// A large tower on a CPU takes fewer: rows come, and a stop is heeded, a window at a time.
  std::size_t text_window = 4096;
  std::size_t batches_ahead = 4;  ///< images read before their turn; at least 64 are
  std::size_t bytes_ahead = std::size_t{256}
                            << 20;  ///< and what they may take, undecoded files too
  std::size_t batches_behind = 4;   ///< that wait for a sink in a thread of its own
  std::size_t bytes_behind = std::size_t{64} << 20;  ///< and what they may take

  /// Called in the calling thread with how many inputs are done, of how many where the source
  /// knows; returning false ends the call with Error(cancelled).
  std::function<bool(std::uint64_t done, std::optional<std::uint64_t> total)> progress = {};
  /// Called in the calling thread with each input that has no row, in order, before the sink gets
  /// its batch.
  std::function<void(const Outcome& outcome)> failed = {};
  /// Asked in the calling thread at least ten times a second while it waits, and as
  /// EncodeOptions::stop while it computes; returning true ends the call with
  /// Error(cancelled). What was embedded by then reaches the sink.
  std::function<bool()> stop = {};
  /// The first failure ends the call: Error(unreadable_input) with its message.
  bool stop_at_failure = false;
  FailureLimit failure_limit = {};  ///< otherwise
  /// Every thread of the call has ended when it returns. Where one waits for ever (for standard
  /// input, inside of the source) that is never, and where it cuts 60 MB of text into tokens, late.
  /// With this set, a call that ends early gives its threads 0.2 seconds, leaves alone those that
  /// have not ended then, and calls this. They go on using the model, and whatever the source and
  /// the sink refer to, which these must therefore own, together with others; and the process must
  /// end by _exit. Note [Threads left behind] (src/embed/job_thread.h).
  std::function<void()> leave_threads = {};
};

/// What became of all inputs: inputs == embedded + failed.
struct EmbedSummary {
  std::uint64_t inputs = 0;    ///< that the sink took
  std::uint64_t embedded = 0;  ///< rows
  std::uint64_t failed = 0;    ///< inputs without a row
  std::uint64_t passed_over =
      0;  ///< inputs that the sink did not take: done earlier, another shard's
  std::uint64_t truncated = 0;                          ///< texts that lost their end, of `inputs`
  std::map<std::string, std::uint64_t> failed_by_code;  ///< RunFailure::code; adds up to `failed`
  std::vector<Outcome> failures;                        ///< with an Embeddings sink: all of them
};

/// Embeds all images of `source`. Reading, decoding, resizing, the network and the sink overlap.
///
/// An input fails that cannot be read (stage "read"), whose row is not finite or all zeros, or that
/// memory does not suffice for even alone (stage "encode"). Throws Error(invalid_argument) for a
/// model without a vision part, a malformed Image or options that contradict each other,
/// Error(unreadable_input) where too many inputs fail, Error(unavailable) where the system makes no
/// more threads, and what the source, the sink, Run and Model::encode_images throw. Several threads
/// may call it on one model at once.
LLM2CLIP_API EmbedSummary embed_images(const Model& model, ImageSource source, EmbedSink sink,
                                       const EmbedOptions& options = {});

/// The same with the model of the manifest `info`, which `load` gives when there is something to
/// encode: where a sink takes no input, nothing is loaded. It is called once, in the calling
/// thread, and the model must outlive the call. Throws what `load` throws, too.
LLM2CLIP_API EmbedSummary embed_images(const ModelInfo& info,
                                       const std::function<const Model&()>& load,
                                       ImageSource source, EmbedSink sink,
                                       const EmbedOptions& options = {});

/// Embeds all texts of `source`. Tokenizing, the network and the sink overlap.
///
/// An input fails that is not UTF-8 (stage "tokenize"), or as images do. Throws as embed_images,
/// and Error(unreadable_input) for a text that OnLong::error refuses.
LLM2CLIP_API EmbedSummary embed_texts(const Model& model, TextSource source, EmbedSink sink,
                                      const EmbedOptions& options = {});

/// What the network would see of all images of `source`: reads, decodes and resizes as embed_images
/// does and hands the crops over, in order, `encode.batch_size` inputs at a time. `take` is called
/// in the calling thread. Throws as embed_images does.
LLM2CLIP_API EmbedSummary
preprocess_images(const PreprocessOptions& preprocess, ImageSource source,
                  const std::function<void(const PreprocessedBatch& batch)>& take,
                  const EmbedOptions& options = {});

}  // namespace llm2clip
