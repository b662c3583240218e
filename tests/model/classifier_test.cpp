#include "llm2clip/classifier.h"

#include <fstream>

#include "llm2clip/similarity.h"
#include "store/safetensors.h"
#include "support/catch.h"
#include "support/error.h"
#include "support/tiny_model.h"

using namespace llm2clip;
using namespace llm2clip::testing;
using Catch::Matchers::Contains;

namespace {

const std::vector<std::string> kLabels = {"dog", "\xe7\x8c\xab"};
const std::vector<std::string> kTemplates = {"a photo of a {}.", "{}"};

std::vector<float> values(const Embeddings& rows) {
  return {rows.values().begin(), rows.values().end()};
}

}  // namespace

TEST_CASE("a label's row is the normalized mean of its normalized templates", "[classifier]") {
  const TinyModel tiny;
  const Classifier classifier = Classifier::from_labels(tiny.model, kLabels, kTemplates);
  const std::vector<std::string> filled = {"a photo of a dog.", "dog"};
  const Embeddings rows = tiny.model.encode_texts(filled);
  Embeddings mean(1, rows.dim());
  for (std::size_t j = 0; j < rows.dim(); ++j) mean[0][j] = (rows[0][j] + rows[1][j]) / 2;
  normalize_rows(mean);
  REQUIRE(classifier.embeddings().rows() == 2);
  for (std::size_t j = 0; j < rows.dim(); ++j) {
    CHECK(classifier.embeddings()[0][j] == Approx(mean[0][j]).margin(1e-6));
  }
}

TEST_CASE("without templates a label stands for itself", "[classifier]") {
  const TinyModel tiny;
  const Classifier classifier = Classifier::from_labels(tiny.model, kLabels);
  CHECK(cosine(classifier.embeddings()[1], tiny.model.encode_texts(kLabels)[1]) == Approx(1));
}

TEST_CASE("a template may name its label more than once", "[classifier]") {
  const TinyModel tiny;
  const std::vector<std::string> twice = {"{}{}, a {}"};
  const std::vector<std::string> labels = {"dog", "{}", ""};
  const Classifier classifier = Classifier::from_labels(tiny.model, labels, twice);
  const std::vector<std::string> filled = {"dogdog, a dog", "{}{}, a {}", ", a "};
  const Embeddings rows = tiny.model.encode_texts(filled);
  for (std::size_t i = 0; i < filled.size(); ++i) {
    CHECK(cosine(classifier.embeddings()[i], rows[i]) == Approx(1));
  }
}

TEST_CASE("no label and a template without {} are refused", "[classifier]") {
  const TinyModel tiny;
  CHECK_THAT(error_of([&] { Classifier::from_labels(tiny.model, {}); }).what(),
             Contains("at least one"));
  const std::vector<std::string> wrong = {"a photo"};
  CHECK_THAT(error_of([&] { Classifier::from_labels(tiny.model, kLabels, wrong); }).what(),
             Contains("a photo") && Contains("{}"));
}

TEST_CASE("a label bank comes back as it was saved", "[classifier]") {
  const TinyModel tiny;
  const auto path = tiny.folder.path() / "bank.safetensors";
  const Classifier saved = Classifier::from_labels(tiny.model, kLabels, kTemplates);
  saved.save(path);
  const Classifier loaded = Classifier::load(path);
  CHECK(loaded.labels() == kLabels);
  CHECK(loaded.templates() == kTemplates);
  CHECK(values(loaded.embeddings()) == values(saved.embeddings()));
  loaded.check_fits(tiny.model.info());
}

TEST_CASE("a label bank of another model is refused by name", "[classifier]") {
  const TinyModel tiny;
  const Classifier classifier = Classifier::from_labels(tiny.model, kLabels);
  ModelInfo other = tiny.model.info();
  other.dim = 1280;
  CHECK_THAT(error_of([&] { classifier.check_fits(other); }).what(),
             Contains("96") && Contains("1280"));
  other = tiny.model.info();
  other.text->sha256 = std::string(64, '0');
  CHECK_THAT(error_of([&] { classifier.check_fits(other); }).what(), Contains("another text.pt"));
  other = tiny.model.info();
  other.adapter->sha256 = std::string(64, '0');
  CHECK_THAT(error_of([&] { classifier.check_fits(other); }).what(),
             Contains("another adapter.pt"));
}

TEST_CASE("a label bank without labels or components is refused", "[classifier]") {
  const Scratch folder;
  const auto path = folder.path() / "bank.safetensors";
  const Error error = error_of([&] { Classifier().save(path); });
  CHECK(error.kind() == ErrorKind::invalid_argument);
  CHECK_FALSE(std::filesystem::exists(path));
  std::map<std::string, std::string> metadata = {{"format", "llm2clip label bank 1"},
                                                 {"templates", "[\"{}\"]"}};
  const auto message = [&](std::vector<std::size_t> shape, const char* labels) {
    metadata["labels"] = labels;
    write_safetensors(path, {{"label_embeddings", {"F32", std::move(shape), {}}}}, metadata);
    return std::string(error_of([&] { Classifier::load(path); }).what());
  };
  CHECK_THAT(message({0, 5}, "[]"), Contains("0 labels"));
  CHECK_THAT(message({1, 0}, "[\"a\"]"), Contains("no components"));
  CHECK_THAT(message({std::size_t{1} << 60, 0}, "[\"a\"]"), Contains("1 labels"));
}

TEST_CASE("what is no label bank is refused", "[classifier]") {
  const Scratch folder;
  const auto path = folder.path() / "bank.safetensors";
  CHECK(error_of([&] { Classifier::load(path); }).kind() == ErrorKind::bad_model);
  std::ofstream(path) << "not a bank, but long enough to have a header";
  CHECK(error_of([&] { Classifier::load(path); }).kind() == ErrorKind::bad_model);
}
