#pragma once

// For programs that use LibTorch. Not part of llm2clip.h: it needs LibTorch's headers, and the
// program must link the LibTorch that the library was built with.

#include <ATen/core/Tensor.h>

#include "llm2clip/embeddings.h"
#include "llm2clip/export.h"
#include "llm2clip/model.h"

namespace llm2clip {

/// What the vision tower makes of pixels that are preprocessed already.
///
///   pixels   (B, 3, S, S)  any float type and device
///   returns  (B, D)        float32, on the model's device
///
/// Nothing is copied that is on the model's device. The whole tensor is one batch:
/// EncodeOptions::normalize alone is looked at. Results are inference tensors: autograd refuses
/// them; clone() gives ordinary ones. Turns and threads as with Model's other calls.
/// Throws Error(invalid_argument) when the model has no vision part or `pixels` has another shape.
LLM2CLIP_API at::Tensor encode_pixels(const Model& model, const at::Tensor& pixels,
                                      const EncodeOptions& options = {});

/// What the text tower and the adapter make of token ids.
///
///   ids      (B, T)  int64, every row a text inside its prompt, without padding
///   pooled   how many tokens, counted from the end of each row, are averaged; 0 means all
///   returns  (B, D), or (B, H) where EncodeOptions::adapter is off; float32, on the model's device
///
/// Throws Error(invalid_argument) for ids on the host that are not in the vocabulary; on another
/// device they must be. The rest as with encode_pixels; EncodeOptions::normalize and adapter are
/// looked at.
LLM2CLIP_API at::Tensor encode_token_ids(const Model& model, const at::Tensor& ids, int pooled,
                                         const EncodeOptions& options = {});

/// The rows as a (rows, dim) float32 CPU tensor without a copy: the tensor owns them.
LLM2CLIP_API at::Tensor to_tensor(Embeddings&& embeddings);

/// The rows as a (rows, dim) float32 CPU tensor that shares their memory: use it only while
/// `embeddings` lives and is not moved from or assigned to.
LLM2CLIP_API at::Tensor view_tensor(Embeddings& embeddings);

}  // namespace llm2clip
