#include "llm2clip/classifier.h"

#include "c/arguments.h"
#include "c/handles.h"
#include "c/options.h"

namespace llm2clip::c {
namespace {

void view_one_of(const std::vector<std::string>& texts, size_t index, const char** data,
                 size_t* length) {
  if (index >= texts.size()) {
    refuse("index", "is " + std::to_string(index) + ", there are " + std::to_string(texts.size()));
  }
  if (data) *data = texts[index].c_str();
  if (length) *length = texts[index].size();
}

}  // namespace
}  // namespace llm2clip::c

using namespace llm2clip;
using namespace llm2clip::c;

llm2clip_status llm2clip_classifier_from_labels(const llm2clip_model* model,
                                                const llm2clip_string* labels, size_t label_count,
                                                const llm2clip_string* templates,
                                                size_t template_count,
                                                const llm2clip_encode_options* options,
                                                llm2clip_classifier** classifier) {
  return give(classifier, [&] {
    const auto loaded = object_of(model, "model");
    return Classifier::from_labels(*loaded, views_of(labels, label_count, "labels"),
                                   views_of(templates, template_count, "templates"),
                                   encode_options_of(options));
  });
}

llm2clip_status llm2clip_classifier_load(const char* path, size_t path_length,
                                         llm2clip_classifier** classifier) {
  return give(classifier, [&] { return Classifier::load(path_of(path, path_length, "path")); });
}

llm2clip_status llm2clip_classifier_save(const llm2clip_classifier* classifier, const char* path,
                                         size_t path_length) {
  return guarded(
      [&] { object_of(classifier, "classifier")->save(path_of(path, path_length, "path")); });
}

llm2clip_status llm2clip_classifier_check_fits(const llm2clip_classifier* classifier,
                                               const llm2clip_model* model) {
  return guarded(
      [&] { object_of(classifier, "classifier")->check_fits(object_of(model, "model")->info()); });
}

llm2clip_status llm2clip_classifier_counts(const llm2clip_classifier* classifier, size_t* labels,
                                           size_t* templates) {
  return guarded([&] {
    const auto object = object_of(classifier, "classifier");
    if (labels) *labels = object->labels().size();
    if (templates) *templates = object->templates().size();
  });
}

llm2clip_status llm2clip_classifier_label(const llm2clip_classifier* classifier, size_t index,
                                          const char** data, size_t* length) {
  return guarded(
      [&] { view_one_of(object_of(classifier, "classifier")->labels(), index, data, length); });
}

llm2clip_status llm2clip_classifier_template(const llm2clip_classifier* classifier, size_t index,
                                             const char** data, size_t* length) {
  return guarded(
      [&] { view_one_of(object_of(classifier, "classifier")->templates(), index, data, length); });
}

llm2clip_status llm2clip_classifier_embeddings(const llm2clip_classifier* classifier,
                                               llm2clip_embeddings** embeddings) {
  return give(embeddings, [&] {
    const auto object = object_of(classifier, "classifier");
    // Counts as a use of the classifier, which owns the rows.
    return std::shared_ptr<const Embeddings>(object, &object->embeddings());
  });
}

llm2clip_status llm2clip_classifier_free(llm2clip_classifier* classifier) {
  return free_handle(classifier);
}
