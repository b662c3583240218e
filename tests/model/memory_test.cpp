#include "llm2clip/memory.h"

#include "llm2clip/model.h"
#include "support/catch.h"
#include "support/tiny_model.h"

using namespace llm2clip;
using namespace llm2clip::testing;

TEST_CASE("weights are counted where they are: in the mapping, or copied", "[memory]") {
  const Scratch folder;
  write_tiny_model(folder.path());
  const Model stored = Model::load(folder.path(), {.device = "cpu", .optimize = Optimize::never});
  CHECK(stored.vision()->memory.mapped_bytes == 96u * 192 * 4);
  CHECK(stored.vision()->memory.copied_bytes == 0);
  CHECK(stored.text()->memory.mapped_bytes == 300u * 64 * 4);
  CHECK(stored.text()->memory.copied_bytes == 64u * 4);
  // The adapter's 96 * 64 * 4 bytes are too few to be mapped.
  CHECK(stored.adapter()->memory.mapped_bytes == 0);
  CHECK(stored.adapter()->memory.copied_bytes == 96u * 64 * 4 + 96 * 4);

  const Model half =
      Model::load(folder.path(),
                  {.device = "cpu", .precision = Precision::bfloat16, .optimize = Optimize::never});
  CHECK(half.vision()->memory.mapped_bytes == 0);
  CHECK(half.vision()->memory.copied_bytes == 96u * 192 * 2);
}

TEST_CASE("a prepacked matrix is a copy, and what is read as it lies stays mapped", "[memory]") {
  const Scratch folder;
  write_tiny_model(folder.path());
  const Model model = Model::load(folder.path(), {.device = "cpu", .optimize = Optimize::always});
  const PartMemory vision = model.vision()->memory;
  if (model.vision()->optimized != "prepacked") {
    WARN("this processor has no products of float32 to prepack for: all stays mapped");
    CHECK(vision.mapped_bytes == 96u * 192 * 4);
    CHECK(vision.copied_bytes == 0);
    return;
  }
  CHECK(vision.mapped_bytes == 0);
  CHECK(vision.copied_bytes == 96u * 192 * 4);
  CHECK(model.text()->memory.mapped_bytes == 300u * 64 * 4);
}

TEST_CASE("scratch grows with the batch and keeps its peak", "[memory]") {
  const Scratch folder;
  write_tiny_model(folder.path());
  const Model model = Model::load(folder.path(), {.device = "cpu"});
  const auto peak = [&] { return model.text()->memory.peak_scratch_bytes.value(); };
  CHECK(peak() == 0);
  model.encode_texts(std::vector<std::string>{"a dog"});
  const std::uint64_t after_one = peak();
  CHECK(after_one > 0);
  std::vector<std::string> texts;
  for (int i = 0; i < 100; ++i) texts.push_back("a dog on a long road " + std::to_string(100 + i));
  model.encode_texts(texts);
  const std::uint64_t after_many = peak();
  // At least the hidden states of one pass: some 1000 tokens, H = 64, float32.
  CHECK(after_many >= 800u * 64 * 4);
  CHECK(after_many > after_one);
  model.encode_texts(std::vector<std::string>{"a dog"});
  CHECK(peak() == after_many);
}

TEST_CASE("a part says what it is, and one that is not loaded is empty", "[memory]") {
  const Scratch folder;
  write_tiny_model(folder.path());
  const Model model = Model::load(folder.path(), {.device = "cpu",
                                                  .precision = Precision::bfloat16,
                                                  .text = false,
                                                  .optimize = Optimize::never});
  const LoadedPart vision = model.vision().value();
  CHECK(vision.file == model.info().vision->file);
  CHECK(vision.stored_precision == "float32");
  CHECK(vision.precision == "bfloat16");
  CHECK_FALSE(vision.precision_reason.empty());
  CHECK(vision.device == "cpu");
  CHECK(vision.optimized == "none");
  CHECK_FALSE(model.text());
  CHECK_FALSE(model.adapter());
}
