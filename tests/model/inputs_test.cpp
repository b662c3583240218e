#include "llm2clip/inputs.h"

#include <array>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "llm2clip/classifier.h"
#include "llm2clip/model.h"
#include "support/catch.h"
#include "support/tiny_model.h"

using namespace llm2clip;
using namespace llm2clip::testing;

namespace {

std::vector<std::string> strings(Texts texts) {
  std::vector<std::string> result;
  for (std::size_t i = 0; i < texts.size(); ++i) result.emplace_back(texts[i]);
  return result;
}

using Strings = std::vector<std::string>;

}  // namespace

TEST_CASE("whatever holds texts is Texts", "[inputs]") {
  const std::string dog = "a dog";
  const std::string_view cat = "a cat";
  const char* const cow = "a cow";
  const char letters[] = "a fox";
  CHECK(strings("a dog") == Strings{"a dog"});
  CHECK(strings(dog) == Strings{"a dog"});
  CHECK(strings(cat) == Strings{"a cat"});
  CHECK(strings(cow) == Strings{"a cow"});
  CHECK(strings(letters) == Strings{"a fox"});
  CHECK(strings({"a dog"}) == Strings{"a dog"});
  CHECK(strings({"a dog", "a cat"}) == Strings{"a dog", "a cat"});  // no pair of iterators
  CHECK(strings({dog, cat, cow}) == Strings{"a dog", "a cat", "a cow"});
  CHECK(strings({}).empty());

  const Strings several = {"a dog", "a cat", "a cow"};
  CHECK(strings(several) == several);
  CHECK(strings(Strings{"a dog"}) == Strings{"a dog"});
  CHECK(strings(std::vector<std::string_view>{"a dog", cat}) == Strings{"a dog", "a cat"});
  CHECK(strings(std::span(several).subspan(1)) == Strings{"a cat", "a cow"});
  CHECK(strings(std::array<const char*, 2>{"a dog", "a cat"}) == Strings{"a dog", "a cat"});
  const char* const array[] = {"a dog", "a cat"};
  CHECK(strings(array) == Strings{"a dog", "a cat"});
  const std::vector<const std::string*> pointers = {&several[2], &several[0]};
  CHECK(strings(pointers) == Strings{"a cow", "a dog"});
  CHECK(strings(Texts(several).subspan(1, 1)) == Strings{"a cat"});
}

TEST_CASE("Texts are where they were", "[inputs]") {
  const Strings several = {"a text that is too long for a string to keep inside of itself"};
  CHECK(Texts(several)[0].data() == several[0].data());
  CHECK(Texts({several[0]})[0].data() == several[0].data());
}

TEST_CASE("a text has the same row however it is given", "[inputs]") {
  const TinyModel tiny;
  const Model& model = tiny.model;
  const Strings captions = {"a dog"};
  const Embeddings rows = model.encode_texts(captions);
  const std::vector<float> expected(rows.values().begin(), rows.values().end());
  CHECK(model.encode_texts("a dog").release() == expected);
  CHECK(model.encode_texts({"a dog"}).release() == expected);
  CHECK(model.encode_texts(captions[0]).release() == expected);
  CHECK(model.encode_texts({std::string_view("a dog")}, {.batch_tokens = 1}).release() == expected);
  CHECK(model.encode_texts({"a dog", "a cat"}).rows() == 2);
  CHECK(model.encode_texts({}).rows() == 0);
}

TEST_CASE("labels and templates are given in braces", "[inputs]") {
  const TinyModel tiny;
  const auto classifier = Classifier::from_labels(tiny.model, {"dog", "cat"}, {"a {}", "one {}"});
  CHECK(classifier.labels() == Strings{"dog", "cat"});
  CHECK(classifier.templates() == Strings{"a {}", "one {}"});
  CHECK(Classifier::from_labels(tiny.model, "dog").templates() == Strings{"{}"});
}
