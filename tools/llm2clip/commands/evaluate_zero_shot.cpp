#include <algorithm>
#include <filesystem>
#include <map>

#include "commands/commands.h"
#include "commands/evaluation.h"
#include "commands/labels.h"
#include "commands/model_loading.h"
#include "inputs/file_uses.h"
#include "inputs/sources.h"
#include "llm2clip/classifier.h"
#include "llm2clip/embed.h"
#include "llm2clip/evaluate.h"
#include "terminal/json_output.h"
#include "terminal/output.h"
#include "terminal/table.h"
#include "terminal/terminal_text.h"

namespace llm2clip::cli {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::ordered_json;

// A folder of images, and what they show.
struct LabelFolder {
  std::string name;
  std::string label;
};

[[noreturn]] void refuse(const std::string& subject, const std::string& why) {
  throw Error(ErrorKind::unreadable_input, subject + ": " + why);
}

// The folders in a folder, by the bytes of their names; each is its own label.
std::vector<LabelFolder> list_folders(const std::string& folder) {
  std::vector<LabelFolder> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_directory() && !name.starts_with('.')) found.push_back({name, name});
  }
  if (error) refuse(folder, "cannot be listed: " + error.message());
  if (found.empty()) refuse(folder, "has no folders; one for each label is expected");
  std::sort(found.begin(), found.end(),
            [](const LabelFolder& a, const LabelFolder& b) { return a.name < b.name; });
  return found;
}

// Lines "n01440764<TAB>tench".
void name_by_folder(std::vector<LabelFolder>& folders, const std::vector<PlacedLine>& lines) {
  std::map<std::string, std::string> labels;
  for (const PlacedLine& line : lines) {
    const std::size_t tab = line.text.find('\t');
    if (tab == line.text.npos) refuse(line.place, "a folder, a tab and a label are expected");
    labels[line.text.substr(0, tab)] = line.text.substr(tab + 1);
  }
  for (LabelFolder& folder : folders) {
    const auto found = labels.find(folder.name);
    if (found == labels.end()) refuse(folder.name, "--labels has no line for this folder");
    folder.label = found->second;
  }
}

std::vector<LabelFolder> folders_of(const EvaluateZeroShotFlags& flags) {
  std::vector<LabelFolder> folders = list_folders(flags.folder);
  const std::vector<PlacedLine> lines = given_and_read("--labels", {}, flags.labels_file);
  if (!lines.empty() && lines[0].text.find('\t') != std::string::npos) {
    name_by_folder(folders, lines);
  } else if (!flags.labels_file.empty()) {
    if (lines.size() != folders.size()) {
      refuse(flags.labels_file, std::to_string(lines.size()) + " labels for the " +
                                    std::to_string(folders.size()) + " folders of " + flags.folder +
                                    "; one for each is expected, in their order");
    }
    for (std::size_t i = 0; i < folders.size(); ++i) folders[i].label = lines[i].text;
  }
  return folders;
}

ImageFlags images_of(const EvaluateZeroShotFlags& flags, const std::vector<LabelFolder>& folders) {
  ImageFlags images;
  images.recursive = true;
  for (const LabelFolder& folder : folders) {
    images.paths.push_back((fs::path(flags.folder) / folder.name).string());
  }
  return images;
}

// Rows of images, and the number of the folder that each lies in.
struct FolderRows {
  EvaluatedRows images;
  std::vector<std::size_t> truth;
};

// Takes rows one batch after the other.
class RowTaker {
 public:
  explicit RowTaker(const std::vector<std::string>& folders) : folders_(folders) {}

  void take(const EmbeddedBatch& batch) {
    dim_ = batch.rows.dim();
    const auto values = batch.rows.values();
    values_.insert(values_.end(), values.begin(), values.end());
    for (const Outcome& outcome : batch.outcomes) {
      if (!outcome.failure) truth_.push_back(folder_of(outcome.input.id));
    }
  }

  Embeddings rows() { return {truth_.size(), dim_, std::move(values_)}; }
  const std::vector<std::size_t>& truth() const { return truth_; }

 private:
  // Images come folder by folder.
  std::size_t folder_of(const std::string& id) {
    while (!id.starts_with(folders_[at_] + "/")) ++at_;
    return at_;
  }

  const std::vector<std::string>& folders_;
  std::size_t at_ = 0;
  std::size_t dim_ = 0;
  std::vector<float> values_;
  std::vector<std::size_t> truth_;
};

// No image is no mistake of the flags here.
ImageSource source_of(const ImageFlags& images, const EvaluateZeroShotFlags& flags,
                      Messages& messages) {
  try {
    return image_source(images, messages);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::invalid_argument) throw;
    refuse(flags.folder, "has no image in its folders");
  }
}

FolderRows embed(const EvaluateZeroShotFlags& flags, const ImageFlags& images, Messages& messages) {
  ImageSource source = source_of(images, flags, messages);
  const std::optional<std::uint64_t> total = source.total();
  const Model model = load_part(flags.model, Part::vision, total.value_or(kUncounted), messages);
  RowTaker taker(images.paths);
  Progress progress(messages, "images", total.value_or(0));
  const EmbedSummary done = embed_images(
      model, std::move(source), [&](const EmbeddedBatch& batch) { taker.take(batch); },
      evaluation_options(flags.model, flags.batch, flags.on_error, progress, messages));
  if (done.embedded == 0) refuse(flags.folder, "has no image that can be used");
  return {{.rows = taker.rows(),
           .provenance = provenance(model, Part::vision, flags.batch),
           .failed = done.failed},
          taker.truth()};
}

std::string json_line(const std::vector<LabelFolder>& folders, const EvaluatedRows& images,
                      const EvaluatedRows& labels, const ZeroShotResult& result) {
  json each = json::array();
  for (std::size_t i = 0; i < folders.size(); ++i) {
    const LabelAccuracy& accuracy = result.labels[i];
    each.push_back({{"label", folders[i].label},
                    {"folder", folders[i].name},
                    {"images", accuracy.images},
                    {"top_1", accuracy.top_1},
                    {"top_5", accuracy.top_5}});
  }
  const json line = {{"images", result.images},
                     {"top_1", result.top_1},
                     {"top_5", result.top_5},
                     {"mean_top_1", result.mean_top_1},
                     {"mean_top_5", result.mean_top_5},
                     {"labels", each},
                     {"failed", images.failed},
                     {"vision", object_of(images.provenance)},
                     {"text", object_of(labels.provenance)}};
  return json_text(line) + "\n";
}

std::string table_lines(const std::vector<LabelFolder>& folders, const ZeroShotResult& result) {
  std::vector<std::string> names = {"mean of labels"};
  for (const LabelFolder& folder : folders) names.push_back(folder.label);
  const Table table({{.title = "label", .width = widest(names), .cut = Column::Cut::end},
                     {.title = "images", .width = 8, .right = true},
                     {.title = "top-1", .width = 5, .right = true},
                     {.title = "top-5", .width = 5, .right = true}},
                    terminal_columns());
  std::string lines = table.titles();
  for (std::size_t i = 0; i < folders.size(); ++i) {
    const LabelAccuracy& accuracy = result.labels[i];
    lines += table.line({folders[i].label, std::to_string(accuracy.images), percent(accuracy.top_1),
                         percent(accuracy.top_5)});
  }
  return lines +
         table.line(
             {"mean of labels", "", percent(result.mean_top_1), percent(result.mean_top_5)}) +
         table.line({"all images", std::to_string(result.images), percent(result.top_1),
                     percent(result.top_5)});
}

// The text part lives no longer than this.
Embeddings rows_of_labels(const EvaluateZeroShotFlags& flags,
                          const std::vector<LabelFolder>& folders, EvaluatedRows& labels,
                          Messages& messages) {
  const std::vector<std::string> templates = all_templates(flags.templates, flags.templates_file);
  std::vector<std::string> texts;
  for (const LabelFolder& folder : folders) texts.push_back(folder.label);
  const Model model = load_part(flags.model, Part::text, texts.size() * templates.size(), messages);
  labels.provenance = provenance(model, Part::text, flags.batch);
  return Classifier::from_labels(model, texts, templates, encode_options(flags.batch)).embeddings();
}

// Nothing that is read may be written over.
void check_files(const EvaluateZeroShotFlags& flags) {
  FileUses uses;
  uses.writes_standard_output();
  uses.reads_folder("the model directory", flags.model.directory);
  uses.reads_folder("the folder of images", flags.folder);
  uses.reads("--labels", flags.labels_file);
  uses.reads("--templates", flags.templates_file);
}

}  // namespace

int run_evaluate_zero_shot(const EvaluateZeroShotFlags& flags, Messages& messages) {
  check_files(flags);
  const ModelInfo info = read_model_info(flags.model.directory);
  require_part(flags.model.directory, info, Part::vision);
  require_part(flags.model.directory, info, Part::text);
  const std::vector<LabelFolder> folders = folders_of(flags);
  EvaluatedRows labels;
  labels.rows = rows_of_labels(flags, folders, labels, messages);
  const auto [images, truth] = embed(flags, images_of(flags, folders), messages);
  const ZeroShotResult result = evaluate_zero_shot(images.rows, labels.rows, truth);
  Output output;
  output.write(flags.json ? json_line(folders, images, labels, result)
                          : table_lines(folders, result));
  output.flush();
  return tell_losses(images.failed, 0, messages);
}

}  // namespace llm2clip::cli
