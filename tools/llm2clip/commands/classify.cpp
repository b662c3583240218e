#include <filesystem>
#include <optional>
#include <span>

#include "commands/commands.h"
#include "commands/labels.h"
#include "commands/left_threads.h"
#include "commands/model_loading.h"
#include "inputs/file_uses.h"
#include "inputs/sources.h"
#include "llm2clip/classifier.h"
#include "llm2clip/detail/command_line.h"
#include "llm2clip/embed.h"
#include "llm2clip/embeddings_file.h"
#include "llm2clip/similarity.h"
#include "terminal/exit_code.h"
#include "terminal/json_output.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "terminal/table.h"
#include "terminal/terminal_text.h"

namespace llm2clip::cli {
namespace {

struct LabelScore {
  std::string label;
  float cosine;
  float score;
};

std::vector<std::string> all_labels(const ClassifyFlags& flags) {
  std::vector<std::string> labels =
      texts_of(given_and_read("--label", flags.labels, flags.labels_file));
  if (labels.empty() && flags.load_labels.empty()) {
    throw Error(ErrorKind::invalid_argument,
                "labels: none; give --label, --labels FILE or --load-labels BANK");
  }
  return labels;
}

// Nothing that is read may be written over.
void check_files(const ClassifyFlags& flags) {
  FileUses uses;
  uses.writes("--save-labels", flags.save_labels);
  uses.writes_standard_output();
  uses.reads_folder("the model directory", flags.model.directory);
  uses.reads("--labels", flags.labels_file);
  uses.reads("--templates", flags.templates_file);
  uses.reads("--load-labels", flags.load_labels);
  uses.reads_images(flags.images);
}

void check_bank_path(const std::string& path) {
  if (path.empty()) return;
  if (std::filesystem::path(path).extension() != ".safetensors") {
    throw Error(ErrorKind::invalid_argument, path + ": a label bank must end in .safetensors");
  }
  detail::check_output_path(path);
}

Classifier make_classifier(const ClassifyFlags& flags, const ModelInfo& info,
                           const std::vector<std::string>& labels,
                           const std::vector<std::string>& templates, Messages& messages) {
  if (!flags.load_labels.empty()) {
    Classifier bank = Classifier::load(flags.load_labels);
    bank.check_fits(info);
    return bank;
  }
  // The text part lives no longer than this: it is by far the larger one.
  const Model model =
      load_part(flags.model, Part::text, labels.size() * templates.size(), messages);
  return Classifier::from_labels(model, labels, templates, encode_options(flags.batch));
}

std::vector<float> activate(std::span<const float> cosines, const ClassifyFlags& flags,
                            float scale) {
  if (flags.activation == "softmax") return softmax(cosines, scale);
  if (flags.activation == "sigmoid") return sigmoid(cosines, scale);
  return {cosines.begin(), cosines.end()};
}

// Best first.
std::vector<LabelScore> best_labels(std::span<const float> cosines, const Classifier& classifier,
                                    const ClassifyFlags& flags, float scale) {
  const std::vector<float> scores = activate(cosines, flags, scale);
  const std::size_t count = flags.top_k == 0 ? scores.size() : flags.top_k;
  std::vector<LabelScore> best;
  for (const Match& match : top_k(cosines, count)) {
    if (flags.threshold && scores[match.index] < *flags.threshold) continue;
    best.push_back({classifier.labels()[match.index], match.score, scores[match.index]});
  }
  return best;
}

std::string json_line(const std::string& id, const std::vector<LabelScore>& best) {
  FloatJson labels = FloatJson::array();
  for (const LabelScore& entry : best) {
    labels.push_back({{"label", entry.label}, {"cosine", entry.cosine}, {"score", entry.score}});
  }
  return "{" + detail::json_id(id) + ",\"labels\":" + json_text(labels) + "}\n";
}

Table make_table(std::size_t id_width, const Classifier& classifier) {
  using Cut = Column::Cut;
  return Table({{.title = "image", .width = id_width, .cut = Cut::start},
                {.title = "label", .width = widest(classifier.labels()), .cut = Cut::end},
                {.title = "score", .width = 6, .right = true},
                {.title = "cosine", .width = 7, .right = true}},
               terminal_columns());
}

// The name of the image stands on the first of its lines.
std::string table_lines(const Table& table, const std::string& id,
                        const std::vector<LabelScore>& best) {
  if (best.empty()) return table.line({id, "-", "-", "-"});
  std::string lines;
  for (const LabelScore& entry : best) {
    lines += table.line(
        {lines.empty() ? id : "", entry.label, score_text(entry.score), score_text(entry.cosine)});
  }
  return lines;
}

// Prints the best labels of images, a batch after the other.
class Labeler {
 public:
  Labeler(const Classifier& classifier, const ClassifyFlags& flags, float scale)
      : classifier_(classifier), flags_(flags), scale_(scale) {}

  void print(const EmbeddedBatch& batch) {
    if (batch.rows.rows() == 0) return;
    const Embeddings scores = cosines(batch.rows, classifier_.embeddings());
    const std::vector<std::string> ids = ids_of(batch);
    // Names come while rows are printed; the column widens with them.
    id_width_ = std::max(id_width_, widest(ids));
    const Table table = make_table(id_width_, classifier_);
    if (!flags_.json && !any_) output_.write(table.titles());
    any_ = true;
    for (std::size_t i = 0; i < scores.rows(); ++i) {
      const std::vector<LabelScore> best = best_labels(scores[i], classifier_, flags_, scale_);
      output_.write(flags_.json ? json_line(ids[i], best) : table_lines(table, ids[i], best));
    }
    output_.flush();
  }

 private:
  static std::vector<std::string> ids_of(const EmbeddedBatch& batch) {
    std::vector<std::string> ids;
    for (const Outcome& outcome : batch.outcomes) {
      if (!outcome.failure) ids.push_back(outcome.input.id);
    }
    return ids;
  }

  const Classifier& classifier_;
  const ClassifyFlags& flags_;
  float scale_;
  Output output_;
  std::size_t id_width_ = 0;
  bool any_ = false;
};

EmbedSummary classify(ImageSource source, const Classifier& classifier, const ClassifyFlags& flags,
                      Messages& messages) {
  const std::optional<std::uint64_t> total = source.total();
  const Model model = load_part(flags.model, Part::vision, total.value_or(kUncounted), messages);
  Labeler labeler(classifier, flags, flags.scale.value_or(model.info().score_scale));
  Progress progress(messages, "images", total.value_or(0));
  EmbedOptions options;
  options.encode = encode_options(flags.batch);
  options.read = flags.images.read;
  options.decoding_threads = static_cast<std::size_t>(flags.model.threads);
  options.stop_at_failure = flags.on_error == OnError::fail;
  options.failed = [&](const Outcome& outcome) { messages.error(outcome.failure->message); };
  options.progress = [&](std::uint64_t done, std::optional<std::uint64_t>) {
    progress.update(done);
    return true;
  };
  options.leave_threads = leave_threads;
  const auto print = [&](const EmbeddedBatch& batch) {
    messages.clear_status();
    labeler.print(batch);
  };
  return embed_images(model, std::move(source), print, options);
}

}  // namespace

int run_classify(const ClassifyFlags& flags, Messages& messages) {
  check_files(flags);
  const ModelInfo info = read_model_info(flags.model.directory);
  const std::vector<std::string> labels = all_labels(flags);
  const std::vector<std::string> templates = all_templates(flags.templates, flags.templates_file);
  if (flags.load_labels.empty()) require_part(flags.model.directory, info, Part::text);
  check_bank_path(flags.save_labels);
  const bool has_images = !flags.images.paths.empty() || !flags.images.lists.empty();
  std::optional<ImageSource> source;
  if (has_images || flags.save_labels.empty()) {
    require_part(flags.model.directory, info, Part::vision);
    source = image_source(flags.images, messages);
  }

  const Classifier classifier = make_classifier(flags, info, labels, templates, messages);
  if (!flags.save_labels.empty()) {
    classifier.save(flags.save_labels);
    messages.note(std::to_string(classifier.labels().size()) + " labels written to " +
                  flags.save_labels);
  }
  if (!source) return kDone;
  const EmbedSummary done = classify(std::move(*source), classifier, flags, messages);
  if (done.failed == 0) return kDone;
  messages.note(summary(done.embedded, "classified", done.failed));
  return kSomeSkipped;
}

}  // namespace llm2clip::cli
