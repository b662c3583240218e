#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "llm2clip/embeddings.h"
#include "llm2clip/export.h"
#include "llm2clip/inputs.h"
#include "llm2clip/model.h"

namespace llm2clip {

/// Zero-shot classifier: one unit row per label, the mean over its templates.
///
///   auto classifier =
///       llm2clip::Classifier::from_labels(model, {"dog", "cat"}, {"a photo of a {}."});
///   auto scores = llm2clip::cosines(model.encode_images(images), classifier.embeddings());
///
/// A plain value: may be copied and shared.
class LLM2CLIP_API Classifier {
 public:
  /// Each template with each label in place of every `{}` is encoded and normalized; their mean is
  /// normalized again (open_clip's build_zero_shot_classifier). No template means the label as it
  /// is. Throws Error(invalid_argument) for no label, a template without `{}` or a model without
  /// text part, Error(unreadable_input) for a label that is not UTF-8.
  static Classifier from_labels(const Model& model, Texts labels, Texts templates = {},
                                const EncodeOptions& options = {});

  /// The texts that from_labels encodes: each template with each label, those of a label side by
  /// side. For programs that encode them in batches of their own. Throws Error(invalid_argument) as
  /// from_labels.
  static std::vector<std::string> texts(Texts labels, Texts templates = {});

  /// The same of unit rows that are there, one for each of texts(labels, templates), which the
  /// model with this manifest has given. Throws Error(invalid_argument) as from_labels, and for
  /// another number of rows or another dim.
  static Classifier from_rows(const ModelInfo& info, Texts labels, Texts templates,
                              const EmbeddingsView& rows);

  /// A label bank written by save(). Throws Error(io) or Error(bad_model).
  static Classifier load(const std::filesystem::path& path);

  /// Writes a .safetensors file with the rows, the labels and what they were made with. The file
  /// appears whole or not at all. Throws Error(io), or Error(invalid_argument) without labels.
  void save(const std::filesystem::path& path) const;

  /// Throws Error(invalid_argument) naming both when the rows come from another model than
  /// `info`: another text tower, adapter or dim.
  void check_fits(const ModelInfo& info) const;

  /// As given; label i has row i.
  const std::vector<std::string>& labels() const { return labels_; }
  /// As given, or one `{}` where there were none.
  const std::vector<std::string>& templates() const { return templates_; }
  /// (labels, D), unit rows.
  const Embeddings& embeddings() const { return embeddings_; }

 private:
  std::vector<std::string> labels_;
  std::vector<std::string> templates_;
  std::string text_sha256_;     // of the text tower that made the rows
  std::string adapter_sha256_;  // of the adapter
  Embeddings embeddings_;
};

}  // namespace llm2clip
