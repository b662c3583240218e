#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "c/status.h"
#include "llm2clip/classifier.h"
#include "llm2clip/embeddings_file.h"
#include "llm2clip/index.h"
#include "llm2clip/model.h"
#include "llm2clip/verify.h"

namespace llm2clip::c {

/// A model, and its parts as they were loaded: whose strings llm2clip_model_get_part lends.
struct LoadedModel : Model {
  explicit LoadedModel(Model&& model)
      : Model(std::move(model)),
        vision_part(vision()),
        text_part(text()),
        adapter_part(adapter()) {}

  std::optional<LoadedPart> vision_part, text_part, adapter_part;
};

/// Index into the names in handles.cpp.
enum class HandleKind {
  model,
  image,
  tokenizer,
  tokens,
  embeddings,
  classifier,
  report,
  bytes,
  npy_writer,
  strings,
  run,
  summary,
  index,
  index_writer,
  hits
};

struct OpenRun;          // c/run.h
class Summary;           // c/summary.h
class Hits;              // c/index.h
struct OpenIndexWriter;  // c/index.h
class Strings;           // c/strings.h

/// Which object stands behind which handle.
template <typename Object_, HandleKind kind_>
struct Means {
  using Object = Object_;
  static constexpr HandleKind kind = kind_;
};
template <typename Handle>
struct HandleType;
template <>
struct HandleType<llm2clip_model> : Means<const LoadedModel, HandleKind::model> {};
template <>
struct HandleType<llm2clip_image> : Means<const Image, HandleKind::image> {};
template <>
struct HandleType<llm2clip_tokenizer> : Means<const Tokenizer, HandleKind::tokenizer> {};
template <>
struct HandleType<llm2clip_tokens> : Means<const Tokens, HandleKind::tokens> {};
template <>
struct HandleType<llm2clip_embeddings> : Means<const Embeddings, HandleKind::embeddings> {};
template <>
struct HandleType<llm2clip_classifier> : Means<const Classifier, HandleKind::classifier> {};
template <>
struct HandleType<llm2clip_report> : Means<const std::vector<StageReport>, HandleKind::report> {};
template <>
struct HandleType<llm2clip_bytes> : Means<const std::string, HandleKind::bytes> {};
template <>
struct HandleType<llm2clip_npy_writer> : Means<NpyWriter, HandleKind::npy_writer> {};
template <>
struct HandleType<llm2clip_strings> : Means<const Strings, HandleKind::strings> {};
template <>
struct HandleType<llm2clip_run> : Means<OpenRun, HandleKind::run> {};
template <>
struct HandleType<llm2clip_summary> : Means<const Summary, HandleKind::summary> {};
template <>
struct HandleType<llm2clip_index> : Means<const Index, HandleKind::index> {};
template <>
struct HandleType<llm2clip_index_writer> : Means<OpenIndexWriter, HandleKind::index_writer> {};
template <>
struct HandleType<llm2clip_hits> : Means<const Hits, HandleKind::hits> {};

/// The table of live handles. A handle is a number cast to a pointer: the numbers count up and
/// are never used twice, so that a handle freed long ago cannot be taken for one made since, which
/// addresses cannot promise. Nothing ever follows the pointer.
using Ticket = const void*;
Ticket add_to_table(HandleKind kind, std::shared_ptr<void> object);
/// Throws Error(invalid_argument) naming `argument` when there is no such handle of this kind.
std::shared_ptr<void> find_in_table(Ticket ticket, HandleKind kind, const char* argument);
std::shared_ptr<void> take_from_table(Ticket ticket, HandleKind kind);
std::size_t live_handles() noexcept;

/// The object behind `handle`; it lives at least as long as what is returned, even if the
/// handle is freed meanwhile.
template <typename Handle>
std::shared_ptr<typename HandleType<Handle>::Object> object_of(const Handle* handle,
                                                               const char* argument) {
  using Type = HandleType<Handle>;
  return std::static_pointer_cast<typename Type::Object>(
      find_in_table(handle, Type::kind, argument));
}

/// The same for every handle of an array.
template <typename Handle>
std::vector<std::shared_ptr<typename HandleType<Handle>::Object>> objects_of(
    std::span<const Handle* const> handles, const char* argument) {
  std::vector<std::shared_ptr<typename HandleType<Handle>::Object>> objects;
  objects.reserve(handles.size());
  for (const Handle* handle : handles) objects.push_back(object_of(handle, argument));
  return objects;
}

/// A new handle of `Handle`'s kind for an object that other handles may share.
template <typename Handle>
Handle* share(std::shared_ptr<typename HandleType<Handle>::Object> object) {
  using Type = HandleType<Handle>;
  std::shared_ptr<void> erased =
      std::const_pointer_cast<std::remove_const_t<typename Type::Object>>(std::move(object));
  const Ticket ticket = add_to_table(Type::kind, std::move(erased));
  return static_cast<Handle*>(const_cast<void*>(ticket));
}

/// The body of every call that gives a handle: `make` returns the object, or a shared_ptr to it.
template <typename Handle, typename Make>
llm2clip_status give(Handle** out, Make&& make) noexcept {
  if (out) *out = nullptr;
  return guarded([&] {
    using Object = typename HandleType<Handle>::Object;
    if (!out) refuse("output", "NULL where the address of a handle is expected");
    auto made = make();
    if constexpr (std::is_convertible_v<decltype(made), std::shared_ptr<Object>>) {
      *out = share<Handle>(std::move(made));
    } else {
      *out = share<Handle>(std::make_shared<std::remove_const_t<Object>>(std::move(made)));
    }
  });
}

/// Handles that one call gives together: the caller gets all of them or, where keep() is not
/// reached, none. An output that is NULL is not wanted.
class GivenTogether {
 public:
  GivenTogether() = default;
  GivenTogether(const GivenTogether&) = delete;
  GivenTogether& operator=(const GivenTogether&) = delete;
  ~GivenTogether() {
    for (const auto& take_back : take_back_) take_back();
  }

  template <typename Handle>
  void give(Handle** out, std::shared_ptr<typename HandleType<Handle>::Object> object) {
    if (!out) return;
    take_back_.push_back([out] {
      if (*out) take_from_table(std::exchange(*out, nullptr), HandleType<Handle>::kind);
    });
    *out = nullptr;
    *out = share<Handle>(std::move(object));
  }
  void keep() { take_back_.clear(); }

 private:
  std::vector<std::function<void()>> take_back_;
};

/// The body of every free function.
template <typename Handle>
llm2clip_status free_handle(Handle* handle) noexcept {
  return guarded([&] {
    // The object ends here, outside the table's lock.
    if (handle) take_from_table(handle, HandleType<Handle>::kind);
  });
}

}  // namespace llm2clip::c
