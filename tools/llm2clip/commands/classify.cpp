#include <array>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>

#include "commands/commands.h"
#include "commands/model_loading.h"
#include "inputs/file_uses.h"
#include "inputs/image_blocks.h"
#include "inputs/text_inputs.h"
#include "llm2clip/classifier.h"
#include "llm2clip/embeddings_file.h"
#include "llm2clip/similarity.h"
#include "terminal/json_output.h"
#include "terminal/output.h"
#include "terminal/progress.h"
#include "terminal/table.h"
#include "terminal/terminal_text.h"

namespace llm2clip::cli {
namespace {

// Floats as floats: 0.25 and 0.1, not 0.10000000149011612.
using Json = nlohmann::basic_json<nlohmann::ordered_map, std::vector, std::string, bool,
                                  std::int64_t, std::uint64_t, float>;

using Flags = ClassifyFlags;

struct LabelScore {
  std::string label;
  float cosine;
  float score;
};

// What `flag` was given, then the lines of the file, where one is named.
std::vector<PlacedLine> given_and_read(const std::string& flag,
                                       const std::vector<std::string>& given,
                                       const std::string& file) {
  std::vector<PlacedLine> all;
  for (const std::string& text : given) {
    all.push_back({text, flag + " " + std::to_string(all.size() + 1)});
  }
  if (!file.empty()) {
    for (PlacedLine& line : read_lines(file)) all.push_back(std::move(line));
  }
  for (const PlacedLine& line : all) check_utf8(line);
  return all;
}

std::vector<std::string> texts_of(const std::vector<PlacedLine>& lines) {
  std::vector<std::string> texts;
  for (const PlacedLine& line : lines) texts.push_back(line.text);
  return texts;
}

std::vector<std::string> all_labels(const Flags& flags) {
  std::vector<std::string> labels =
      texts_of(given_and_read("--label", flags.labels, flags.labels_file));
  if (labels.empty() && flags.load_labels.empty()) {
    throw Error(ErrorKind::invalid_argument,
                "labels: none; give --label, --labels FILE or --load-labels BANK");
  }
  return labels;
}

std::vector<std::string> all_templates(const Flags& flags) {
  const std::vector<PlacedLine> lines =
      given_and_read("--template", flags.templates, flags.templates_file);
  for (const PlacedLine& line : lines) {
    if (line.text.find("{}") != line.text.npos) continue;
    throw Error(ErrorKind::invalid_argument,
                line.place + ": template \"" + line.text + "\": expected {} where the label goes");
  }
  return texts_of(lines);
}

// Nothing that is read may be written over.
void check_files(const Flags& flags) {
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
  check_output_path(path);
}

Classifier make_classifier(const Flags& flags, const ModelInfo& info,
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

std::vector<float> activate(std::span<const float> cosines, const Flags& flags, float scale) {
  if (flags.activation == "softmax") return softmax(cosines, scale);
  if (flags.activation == "sigmoid") return sigmoid(cosines, scale);
  return {cosines.begin(), cosines.end()};
}

// Best first.
std::vector<LabelScore> best_labels(std::span<const float> cosines, const Classifier& classifier,
                                    const Flags& flags, float scale) {
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
  Json labels = Json::array();
  for (const LabelScore& entry : best) {
    labels.push_back({{"label", entry.label}, {"cosine", entry.cosine}, {"score", entry.score}});
  }
  return "{" + json_id(id) + ",\"labels\":" + json_text(labels) + "}\n";
}

std::string four_digits(float value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.4f", static_cast<double>(value));
  return text.data();
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
    lines += table.line({lines.empty() ? id : "", entry.label, four_digits(entry.score),
                         four_digits(entry.cosine)});
  }
  return lines;
}

// Returns how many images were classified.
std::size_t classify(ImageInputs& inputs, const Classifier& classifier, const Flags& flags,
                     InputPolicy& policy, Messages& messages) {
  const Model model =
      load_part(flags.model, Part::vision, inputs.total().value_or(kUncounted), messages);
  const ModelInfo& info = model.info();
  const float scale = flags.scale.value_or(info.score_scale);
  ReadOptions read = flags.images.read;
  read.keep_mode = info.preprocess.order == PreprocessOrder::torchvision;

  Output output;
  ImageBlocks blocks(inputs, read, flags.batch.encode.batch_size, policy);
  Progress progress(messages, "images", inputs.total().value_or(0));
  std::size_t classified = 0;
  std::size_t id_width = 0;
  while (blocks.next()) {
    if (blocks.images().empty()) continue;
    const Embeddings images = model.encode_images(blocks.images(), encode_options(flags.batch));
    const Embeddings scores = cosines(images, classifier.embeddings());
    messages.clear_status();
    // Names come while rows are printed; the column widens with them.
    id_width = std::max(id_width, widest(blocks.ids()));
    const Table table = make_table(id_width, classifier);
    if (!flags.json && classified == 0) output.write(table.titles());
    for (std::size_t i = 0; i < scores.rows(); ++i) {
      const std::string& id = blocks.ids()[i];
      const std::vector<LabelScore> best = best_labels(scores[i], classifier, flags, scale);
      output.write(flags.json ? json_line(id, best) : table_lines(table, id, best));
    }
    output.flush();
    classified += scores.rows();
    progress.update(blocks.done());
  }
  output.flush();
  return classified;
}

}  // namespace

int run_classify(const ClassifyFlags& flags, Messages& messages) {
  check_files(flags);
  const ModelInfo info = read_model_info(flags.model.directory);
  const std::vector<std::string> labels = all_labels(flags);
  const std::vector<std::string> templates = all_templates(flags);
  if (flags.load_labels.empty()) require_part(flags.model.directory, info, Part::text);
  check_bank_path(flags.save_labels);
  const bool has_images = !flags.images.paths.empty() || !flags.images.lists.empty();
  InputPolicy policy(flags.on_error, messages);
  std::optional<ImageInputs> inputs;
  if (has_images || flags.save_labels.empty()) {
    require_part(flags.model.directory, info, Part::vision);
    inputs.emplace(flags.images, policy);
  }

  const Classifier classifier = make_classifier(flags, info, labels, templates, messages);
  if (!flags.save_labels.empty()) {
    classifier.save(flags.save_labels);
    messages.note(std::to_string(classifier.labels().size()) + " labels written to " +
                  flags.save_labels);
  }
  if (!inputs) return policy.exit_code();
  const std::size_t classified = classify(*inputs, classifier, flags, policy, messages);
  if (policy.failures() > 0) messages.note(summary(classified, "classified", policy.failures()));
  return policy.exit_code();
}

}  // namespace llm2clip::cli
