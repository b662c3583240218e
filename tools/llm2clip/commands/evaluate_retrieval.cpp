#include <algorithm>
#include <array>
#include <cstdio>
#include <map>

#include "commands/commands.h"
#include "commands/evaluation.h"
#include "commands/model_loading.h"
#include "inputs/captioned_images.h"
#include "inputs/file_uses.h"
#include "llm2clip/embed.h"
#include "llm2clip/embeddings_file.h"
#include "llm2clip/evaluate.h"
#include "llm2clip/similarity.h"
#include "terminal/json_output.h"
#include "terminal/output.h"
#include "terminal/table.h"
#include "terminal/terminal_text.h"

namespace llm2clip::cli {
namespace {

using json = nlohmann::ordered_json;

// Rows of both sides and which belong together.
struct Evaluated {
  EvaluatedRows images;
  EvaluatedRows texts;
  std::vector<RetrievalPair> pairs;
};

CaptionSource source_of(const EvaluateRetrievalFlags& flags) {
  const bool by_ids = flags.data.empty();
  CaptionSource source{by_ids ? flags.pairs : flags.data, flags.layout, flags.root,
                       flags.captions_per_image};
  // Ids are compared as they are; the paths of a data set begin where it has its images.
  if (source.root.empty() && !by_ids) source.root = usual_root(source.path, source.layout);
  return source;
}

// Which of the inputs have no row.
std::vector<bool> failed_of(const EmbedSummary& summary, std::size_t inputs) {
  std::vector<bool> failed(inputs);
  for (const Outcome& outcome : summary.failures) failed[outcome.input.index] = true;
  return failed;
}

EvaluatedRows rows_of_images(const EvaluateRetrievalFlags& flags,
                             std::vector<CaptionedImage>& images, Messages& messages) {
  const Model model = load_part(flags.model, Part::vision, images.size(), messages);
  EvaluatedRows result{.rows = {}, .provenance = provenance(model, Part::vision, flags.batch)};
  std::vector<std::filesystem::path> paths;
  for (const CaptionedImage& image : images) paths.emplace_back(image.image);
  Progress progress(messages, "images", paths.size());
  const EmbedSummary done = embed_images(
      model, paths, result.rows,
      evaluation_options(flags.model, flags.batch, flags.on_error, progress, messages));
  // Captions without their image would be questions without an answer.
  const std::vector<bool> failed = failed_of(done, images.size());
  std::size_t at = 0;
  std::erase_if(images, [&](const CaptionedImage&) { return failed[at++]; });
  result.failed = done.failed;
  return result;
}

// Texts, and the row of the image that each belongs to.
struct Captions {
  std::vector<TextInput> texts;
  std::vector<std::size_t> images;
};

Captions captions_of(const std::vector<CaptionedImage>& images) {
  Captions captions;
  for (std::size_t image = 0; image < images.size(); ++image) {
    for (const std::string& caption : images[image].captions) {
      captions.texts.push_back({.id = caption, .text = caption, .place = images[image].place});
      captions.images.push_back(image);
    }
  }
  return captions;
}

Evaluated embed(const EvaluateRetrievalFlags& flags, std::vector<CaptionedImage> images,
                Messages& messages) {
  Evaluated all;
  all.images = rows_of_images(flags, images, messages);
  const Captions captions = captions_of(images);
  const Model model = load_part(flags.model, Part::text, captions.texts.size(), messages);
  all.texts.provenance = provenance(model, Part::text, flags.batch);
  Progress progress(messages, "texts", captions.texts.size());
  const EmbedSummary done =
      embed_texts(model, captions.texts, all.texts.rows,
                  evaluation_options(flags.model, flags.batch, flags.on_error, progress, messages));
  const std::vector<bool> failed = failed_of(done, captions.texts.size());
  for (std::size_t text = 0, row = 0; text < failed.size(); ++text) {
    if (!failed[text]) all.pairs.push_back({captions.images[text], row++});
  }
  all.texts.failed = done.failed;
  all.texts.truncated = done.truncated;
  return all;
}

// A file of rows that is missing or damaged is an input here, and no model.
EmbeddingsFile read_rows(const std::string& path) {
  try {
    EmbeddingsFile file = read_embeddings(path);
    normalize_rows(file.embeddings);
    return file;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::bad_model) throw;
    throw Error(ErrorKind::unreadable_input, error.what());
  }
}

// Finds rows by their ids. Of rows with one id, as captions that come twice have, each mention
// takes the next; where there is one row, all take that.
class RowsById {
 public:
  RowsById(std::string path, const std::vector<std::string>& ids) : path_(std::move(path)) {
    for (std::size_t row = 0; row < ids.size(); ++row) rows_[ids[row]].rows.push_back(row);
  }

  std::size_t row_of(const std::string& id, const std::string& place) {
    const auto found = rows_.find(id);
    if (found == rows_.end()) {
      throw Error(ErrorKind::unreadable_input,
                  place + ": " + path_ + " has no row with the id \"" + id + "\"");
    }
    Mentioned& mentioned = found->second;
    const std::size_t row = mentioned.rows[std::min(mentioned.times, mentioned.rows.size() - 1)];
    ++mentioned.times;
    return row;
  }

 private:
  struct Mentioned {
    std::vector<std::size_t> rows;
    std::size_t times = 0;
  };
  std::string path_;
  std::map<std::string, Mentioned> rows_;
};

Evaluated read(const EvaluateRetrievalFlags& flags, const std::vector<CaptionedImage>& images) {
  EmbeddingsFile image_rows = read_rows(flags.images);
  EmbeddingsFile text_rows = read_rows(flags.texts);
  RowsById images_by_id(flags.images, image_rows.ids);
  RowsById texts_by_id(flags.texts, text_rows.ids);
  Evaluated all;
  for (const CaptionedImage& image : images) {
    const std::size_t row = images_by_id.row_of(image.image, image.place);
    for (const std::string& caption : image.captions) {
      all.pairs.push_back({row, texts_by_id.row_of(caption, image.place)});
    }
  }
  all.images.rows = std::move(image_rows.embeddings);
  all.images.provenance = std::move(image_rows.provenance);
  all.texts.rows = std::move(text_rows.embeddings);
  all.texts.provenance = std::move(text_rows.provenance);
  return all;
}

json json_of(const RetrievalScores& scores) {
  return {{"queries", scores.queries},
          {"recall_at_1", scores.recall_at_1},
          {"recall_at_5", scores.recall_at_5},
          {"recall_at_10", scores.recall_at_10},
          {"median_rank", scores.median_rank}};
}

std::string json_line(const Evaluated& all, const RetrievalResult& result) {
  const json line = {{"images", all.images.rows.rows()},
                     {"texts", all.texts.rows.rows()},
                     {"image_to_text", json_of(result.image_to_text)},
                     {"text_to_image", json_of(result.text_to_image)},
                     {"failed", all.images.failed + all.texts.failed},
                     {"truncated", all.texts.truncated},
                     {"vision", object_of(all.images.provenance)},
                     {"text", object_of(all.texts.provenance)}};
  return json_text(line) + "\n";
}

std::string table_lines(const RetrievalResult& result) {
  const Table table({{.title = "direction", .width = 13},
                     {.title = "queries", .width = 7, .right = true},
                     {.title = "R@1", .width = 5, .right = true},
                     {.title = "R@5", .width = 5, .right = true},
                     {.title = "R@10", .width = 5, .right = true},
                     {.title = "median rank", .width = 11, .right = true}},
                    terminal_columns());
  const auto line = [&](const char* direction, const RetrievalScores& scores) {
    std::array<char, 32> rank{};
    std::snprintf(rank.data(), rank.size(), "%.15g", scores.median_rank);
    return table.line({direction, std::to_string(scores.queries), percent(scores.recall_at_1),
                       percent(scores.recall_at_5), percent(scores.recall_at_10), rank.data()});
  };
  return table.titles() + line("image to text", result.image_to_text) +
         line("text to image", result.text_to_image);
}

// Nothing that is read may be written over.
void check_files(const EvaluateRetrievalFlags& flags) {
  FileUses uses;
  uses.writes_standard_output();
  if (!flags.data.empty()) uses.reads_folder("the model directory", flags.model.directory);
  uses.reads("the data set", flags.data);
  uses.reads("--images", flags.images);
  uses.reads("--texts", flags.texts);
  uses.reads("--pairs", flags.pairs);
}

}  // namespace

int run_evaluate_retrieval(const EvaluateRetrievalFlags& flags, Messages& messages) {
  check_files(flags);
  const bool by_ids = flags.data.empty();
  if (!by_ids) {
    const ModelInfo info = read_model_info(flags.model.directory);
    require_part(flags.model.directory, info, Part::vision);
    require_part(flags.model.directory, info, Part::text);
  }
  std::vector<CaptionedImage> images = read_captioned_images(source_of(flags));
  const Evaluated all = by_ids ? read(flags, images) : embed(flags, std::move(images), messages);
  const RetrievalResult result = evaluate_retrieval(all.images.rows, all.texts.rows, all.pairs);
  Output output;
  output.write(flags.json ? json_line(all, result) : table_lines(result));
  output.flush();
  return tell_losses(all.images.failed + all.texts.failed, all.texts.truncated, messages);
}

}  // namespace llm2clip::cli
