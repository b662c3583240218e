#include "llm2clip/verify.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>

#include "base/errors_only.h"
#include "base/strict_json.h"
#include "encoder/readback.h"
#include "encoder/torch_errors.h"
#include "llm2clip/error.h"
#include "llm2clip/similarity.h"
#include "model/model_impl.h"
#include "model/tolerances.h"
#include "store/safetensors.h"

namespace llm2clip {
namespace {

double row_cosine(std::span<const float> a, std::span<const float> b) {
  double dot = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    dot += static_cast<double>(a[i]) * b[i];
    aa += static_cast<double>(a[i]) * a[i];
    bb += static_cast<double>(b[i]) * b[i];
  }
  return dot / std::sqrt(aa * bb);
}

// Comparisons are written so that NaN fails them.
bool within(const StageReport& report) {
  const bool error_ok = report.allowed_error < 0 || report.largest_error <= report.allowed_error;
  const bool cosine_ok = report.least_cosine < 0 || report.cosine >= report.least_cosine;
  const bool median_ok = report.least_median < 0 || report.median_cosine >= report.least_median;
  return error_ok && cosine_ok && median_ok;
}

// std::max and std::min that a NaN, once seen, stays in: it must not pass for agreement.
double keep_larger(double kept, double value) {
  return kept >= value || kept != kept ? kept : value;
}
double keep_smaller(double kept, double value) {
  return kept <= value || kept != kept ? kept : value;
}

// Largest difference over `scale`; NaN where either side has one.
double largest_difference(std::span<const float> ours, std::span<const float> reference,
                          double scale) {
  double largest = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    largest = keep_larger(largest, std::abs(static_cast<double>(ours[i]) - reference[i]));
  }
  return largest / scale;
}

double largest_magnitude(std::span<const float> values) {
  double largest = 0;
  for (const float value : values) largest = std::max(largest, std::abs(double{value}));
  return largest > 0 ? largest : 1;
}

std::vector<double> row_cosines(std::span<const float> rows, std::span<const float> reference,
                                std::size_t row_size) {
  std::vector<double> cosines;
  for (std::size_t first = 0; first + row_size <= rows.size(); first += row_size) {
    cosines.push_back(
        row_cosine(rows.subspan(first, row_size), reference.subspan(first, row_size)));
  }
  return cosines;
}

double smallest(const std::vector<double>& cosines) {
  double least = 1;
  for (const double cosine : cosines) least = keep_smaller(least, cosine);
  return least;
}

// The lower of the two in the middle; a NaN among them shows in smallest().
double median(std::vector<double> cosines) {
  const auto middle = cosines.begin() + static_cast<std::ptrdiff_t>((cosines.size() - 1) / 2);
  std::nth_element(cosines.begin(), middle, cosines.end());
  return *middle;
}

StageReport compare(const char* stage, std::span<const float> ours,
                    std::span<const float> reference, std::size_t row_size, Tolerance allowed,
                    double scale) {
  StageReport report{.stage = stage,
                     .values = reference.size(),
                     .largest_error = std::numeric_limits<double>::infinity(),
                     .cosine = 1,
                     .allowed_error = allowed.largest_error,
                     .least_cosine = allowed.cosine,
                     .ok = false};
  if (ours.size() != reference.size()) return report;
  report.largest_error = largest_difference(ours, reference, scale);
  report.cosine = smallest(row_cosines(ours, reference, row_size));
  report.ok = within(report);
  return report;
}

StageReport compare(const char* stage, std::span<const float> ours,
                    std::span<const float> reference, std::size_t row_size, Tolerance allowed) {
  return compare(stage, ours, reference, row_size, allowed, largest_magnitude(reference));
}

StageReport compare_integers(const char* stage, const std::vector<std::int64_t>& ours,
                             const std::vector<std::int64_t>& reference) {
  StageReport report{.stage = stage,
                     .values = reference.size(),
                     .largest_error = ours == reference ? 0.0 : 1.0,
                     .cosine = ours == reference ? 1.0 : 0.0,
                     .allowed_error = kExact.largest_error,
                     .least_cosine = kExact.cosine,
                     .ok = ours == reference};
  return report;
}

// A network in a half precision, beside what the reference itself loses in it.
StageReport compare_in_half(StageReport report, std::span<const float> ours,
                            std::span<const float> reference, std::span<const float> in_half,
                            std::size_t row_size, const std::string& precision) {
  const std::vector<double> cosines = row_cosines(ours, reference, row_size);
  const std::vector<double> expected = row_cosines(in_half, reference, row_size);
  report.allowed_error = -1;
  report.reference_cosine = smallest(expected);
  report.least_cosine = least_half_cosine(report.reference_cosine, kWorstFactor, precision);
  if (cosines.size() >= kFewestForMedian) {
    report.median_cosine = median(cosines);
    report.reference_median = median(expected);
    report.least_median = least_half_cosine(report.reference_median, kMedianFactor, precision);
  }
  report.ok = within(report);
  return report;
}

// The inputs and the reference's values of one model directory.
class Goldens {
 public:
  explicit Goldens(const Manifest& manifest)
      : manifest_(manifest),
        values_(SafetensorsFile::open(manifest.checked_file(checked_name(manifest), false).path)) {}

  std::vector<float> floats(const char* name) const { return values_.float32_values(name); }
  std::vector<std::int64_t> integers(const char* name) const { return values_.int64_values(name); }
  bool has(const std::string& name) const { return values_.find(name) != nullptr; }

  // What the reference itself gives of a stage in this precision; empty where the file does not
  // say.
  std::vector<float> in_precision(const std::string& name, const std::string& precision) const {
    if (precision == "float32") return values_.float32_values(name);
    const std::string half = name + "_" + precision;
    if (!has(half)) return {};
    std::vector<float> values = values_.float32_values(half);
    if (values.size() != values_.float32_values(name).size()) {
      throw Error(ErrorKind::bad_model,
                  "golden.safetensors: " + half + " and " + name + " are of different sizes");
    }
    return values;
  }

  std::vector<Image> images() const {
    std::vector<Image> images;
    const bool keep_mode = manifest_.info().preprocess.order == PreprocessOrder::torchvision;
    for (std::size_t i = 0; manifest_.names(image_name(i)); ++i) {
      images.push_back(
          read_image(manifest_.checked_file(image_name(i), false).path, {.keep_mode = keep_mode}));
    }
    if (images.empty()) {
      throw Error(ErrorKind::bad_model, "model " + manifest_.info().name +
                                            ": has no golden/image_0.png; export it again");
    }
    return images;
  }

  std::vector<std::string> texts() const {
    const std::filesystem::path path = manifest_.checked_file("golden/texts.json", false).path;
    std::ifstream file(path, std::ios::binary);
    const std::string content{std::istreambuf_iterator<char>(file), {}};
    const nlohmann::json json = parse_strict_json(content, path.string());
    std::vector<std::string> texts;
    try {
      texts = json.get<std::vector<std::string>>();
    } catch (const nlohmann::json::exception&) {
      throw Error(ErrorKind::bad_model, path.string() + ": expected a list of strings");
    }
    if (texts.empty())
      throw Error(ErrorKind::bad_model, path.string() + ": expected at least one text");
    return texts;
  }

 private:
  static std::string image_name(std::size_t index) {
    return "golden/image_" + std::to_string(index) + ".png";
  }

  static const char* checked_name(const Manifest& manifest) {
    if (manifest.names("golden.safetensors")) return "golden.safetensors";
    throw Error(ErrorKind::bad_model,
                "model " + manifest.info().name + ": has no golden.safetensors; export it again");
  }

  const Manifest& manifest_;
  SafetensorsFile values_;
};

// A network computes in `precision`; `quantized` is there where its weights have 8 or 4 bits.
struct Network {
  std::string precision;
  const std::optional<QuantizedInfo>& quantized;
};

// One whose weights are not the reference's any more: it may lose what the exporter measured, by
// the rule of half precisions, beside what that of `precision` loses.
StageReport compare_quantized(StageReport report, std::span<const float> ours,
                              std::span<const float> reference, std::size_t row_size,
                              const QuantizedInfo& quantized, const std::string& precision) {
  const bool half = report.reference_cosine == report.reference_cosine;  // known: no NaN
  const std::vector<double> cosines = row_cosines(ours, reference, row_size);
  report.allowed_error = -1;
  report.reference_cosine = quantized.least_cosine - (half ? 1 - report.reference_cosine : 0);
  report.least_cosine = least_half_cosine(report.reference_cosine, kWorstFactor, precision);
  if (cosines.size() >= kFewestForMedian) {
    report.median_cosine = median(cosines);
    report.reference_median = quantized.median_cosine - (half ? 1 - report.reference_median : 0);
    report.least_median = least_half_cosine(report.reference_median, kMedianFactor, precision);
  }
  report.ok = within(report);
  return report;
}

StageReport compare_network(const char* stage, const char* golden, std::span<const float> ours,
                            const Goldens& goldens, std::size_t row_size, const Network& network) {
  const std::string& precision = network.precision;
  const std::vector<float> reference = goldens.floats(golden);
  StageReport report = compare(stage, ours, reference, row_size, network_tolerance(precision));
  if (ours.size() != reference.size()) return report;
  const std::vector<float> in_half = goldens.in_precision(golden, precision);
  if (precision != "float32" && !in_half.empty()) {
    report = compare_in_half(report, ours, reference, in_half, row_size, precision);
  }
  if (!network.quantized) return report;
  return compare_quantized(report, ours, reference, row_size, *network.quantized, precision);
}

// How far a score may be off because of the weights of one side.
double quantized_score_error(const std::optional<PartInfo>& part) {
  if (!part || !part->quantized) return 0;
  // The distance of two unit rows of that cosine.
  return std::sqrt(2 * std::max(0.0, 1 - part->quantized->least_cosine));
}

// How far the reference's own scores in these precisions are from its score in float32; negative
// where the goldens do not say.
double reference_score_error(const Goldens& goldens, std::size_t dim, const std::string& vision,
                             const std::string& text) {
  const std::vector<float> images = goldens.in_precision("image_embedding", vision);
  const std::vector<float> texts = goldens.in_precision("text_embedding", text);
  const std::vector<float> scores = goldens.floats("score");
  if (images.empty() || texts.empty() || images.size() * texts.size() != scores.size() * dim * dim)
    return -1;
  double largest = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const std::size_t columns = texts.size() / dim;
    const auto image = std::span(images).subspan(i / columns * dim, dim);
    const auto row = std::span(texts).subspan(i % columns * dim, dim);
    largest = keep_larger(largest, std::abs(row_cosine(image, row) - scores[i]));
  }
  return largest;
}

// The coarser of the two towers decides; the error of a cosine is absolute.
Tolerance allowed_score_error(const Model& model, const Goldens& goldens, std::size_t dim) {
  const std::string images = model.vision()->precision;
  const std::string texts = model.text()->precision;
  const Tolerance vision = score_tolerance(images);
  const Tolerance text = score_tolerance(texts);
  Tolerance allowed = vision.largest_error > text.largest_error ? vision : text;
  allowed.largest_error +=
      quantized_score_error(model.info().vision) + quantized_score_error(model.info().text);
  if (images == "float32" && texts == "float32") return allowed;
  const double reference = reference_score_error(goldens, dim, images, texts);
  if (reference >= 0) {
    allowed.largest_error = largest_half_error(reference, allowed.largest_error);
  }
  return allowed;
}

std::vector<float> as_vector(const Embeddings& rows) {
  return {rows.values().begin(), rows.values().end()};
}

// Returns the unit rows for the score.
Embeddings verify_images(const Model& model, const Goldens& goldens,
                         std::vector<StageReport>& reports) {
  const ModelInfo& info = model.info();
  const std::vector<Image> images = goldens.images();
  const auto side = static_cast<std::size_t>(info.preprocess.image_size);
  std::vector<float> pixels(images.size() * 3 * side * side);
  for (std::size_t i = 0; i < images.size(); ++i) {
    preprocess(images[i], info.preprocess,
               std::span(pixels).subspan(i * 3 * side * side, 3 * side * side));
  }
  reports.push_back(compare("pixels", pixels, goldens.floats("pixels"), 3 * side * side, kExact));

  const Embeddings rows = model.encode_images(images, {.normalize = false});
  reports.push_back(compare_network("image embedding", "image_embedding", as_vector(rows), goldens,
                                    rows.dim(),
                                    {model.vision()->precision, info.vision->quantized}));
  return model.encode_images(images);
}

void verify_tokens(const std::vector<Tokens>& tokens, const Goldens& goldens,
                   std::vector<StageReport>& reports) {
  std::vector<std::int64_t> ids, counts, pooled;
  for (const Tokens& text : tokens) {
    ids.insert(ids.end(), text.ids.begin(), text.ids.end());
    counts.push_back(static_cast<std::int64_t>(text.ids.size()));
    pooled.push_back(text.pooled);
  }
  const bool same_counts = counts == goldens.integers("token_counts");
  reports.push_back(
      compare_integers("token ids", same_counts ? ids : counts, goldens.integers("token_ids")));
  reports.push_back(compare_integers("pooled counts", pooled, goldens.integers("pooled_counts")));
}

void verify_hidden_states(const ModelStages::Impl& stages, const std::vector<Tokens>& tokens,
                          const Goldens& goldens, std::vector<StageReport>& reports) {
  const std::size_t width = stages.manifest.info().text_width;
  std::vector<float> hidden(tokens[0].ids.size() * width);
  copy_to_host((*stages.text_tower)(tokens, {0}), hidden);
  reports.push_back(
      compare_network("hidden states", "hidden_states", hidden, goldens, width,
                      {stages.text->precision, stages.manifest.info().text->quantized}));
}

// Returns the unit rows for the score; none where there is no adapter.
Embeddings verify_texts(const Model& model, const Goldens& goldens,
                        std::vector<StageReport>& reports) {
  const ModelStages::Impl& stages = ModelStages::of(model);
  std::vector<Tokens> tokens;
  for (const std::string& text : goldens.texts()) tokens.push_back(model.tokenizer().encode(text));
  verify_tokens(tokens, goldens, reports);
  verify_hidden_states(stages, tokens, goldens, reports);

  const Network network{model.text()->precision, model.info().text->quantized};
  const Embeddings captions = model.encode_tokens(tokens, {.normalize = false, .adapter = false});
  reports.push_back(compare_network("caption embedding", "caption_embedding", as_vector(captions),
                                    goldens, captions.dim(), network));
  if (!goldens.has("text_embedding")) return {};
  const Embeddings rows = model.encode_tokens(tokens, {.normalize = false});
  reports.push_back(compare_network("text embedding", "text_embedding", as_vector(rows), goldens,
                                    rows.dim(), network));
  return model.encode_tokens(tokens);
}

}  // namespace

std::vector<StageReport> verify(const std::filesystem::path& directory,
                                const LoadOptions& options) try {
  const Model model = Model::load(directory, options);
  const Goldens goldens(ModelStages::of(model).manifest);

  std::vector<StageReport> reports;
  Embeddings images, texts;
  if (model.info().vision && options.vision) images = verify_images(model, goldens, reports);
  if (model.info().text && options.text) texts = verify_texts(model, goldens, reports);
  if (images.rows() > 0 && texts.rows() > 0 && goldens.has("score")) {
    reports.push_back(compare("score", as_vector(cosines(images, texts)), goldens.floats("score"),
                              texts.rows(), allowed_score_error(model, goldens, images.dim()), 1));
  }
  return reports;
} catch (const std::system_error&) {
  rethrow_as_error(directory);
} catch (...) {
  rethrow_torch_error(directory.c_str());
}

void verify_files(const std::filesystem::path& directory) {
  errors_only(directory, [&] { Manifest::read(directory).check_all_files(); });
}

}  // namespace llm2clip
