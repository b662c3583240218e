#include <c10/core/CPUAllocator.h>

#include <map>

#include "llm2clip/model.h"
#include "llm2clip/similarity.h"
#include "support/catch.h"
#include "support/error.h"
#include "support/tiny_model.h"

namespace llm2clip {
namespace {

using testing::error_of;
using testing::TinyModel;

// LibTorch's own allocator, which refuses, in its own words, what is larger than `most` bytes.
class ScarceMemory final : public c10::Allocator {
 public:
  explicit ScarceMemory(std::size_t most) : most_(most), all_(c10::GetDefaultCPUAllocator()) {
    c10::SetCPUAllocator(this, /*priority=*/255);
  }
  ~ScarceMemory() override { c10::SetCPUAllocator(all_, /*priority=*/255); }

  c10::DataPtr allocate(std::size_t bytes) override {
    constexpr std::size_t kNobodyHas = std::size_t{1} << 50;
    return all_->allocate(bytes > most_ ? kNobodyHas : bytes);
  }
  c10::DeleterFnPtr raw_deleter() const override { return all_->raw_deleter(); }
  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    all_->copy_data(to, from, bytes);
  }

 private:
  std::size_t most_;
  c10::Allocator* all_;
};

// Enough for the activations of a text of a few tokens and for what a product widens at a time
// (stored_product.h), and not for those of a long text.
constexpr std::size_t kLittle = 40 << 10;

std::vector<Tokens> tokens_of(const Model& model, const std::vector<std::string>& texts) {
  std::vector<Tokens> tokens;
  for (const std::string& text : texts) tokens.push_back(model.tokenizer().encode(text));
  return tokens;
}

const std::string kLong = std::string(200, 'x');

TEST_CASE("what LibTorch's allocator says is out_of_memory", "[encoder][memory]") {
  const TinyModel tiny;
  const std::vector<Tokens> tokens = tokens_of(tiny.model, {kLong});
  const ScarceMemory scarce(kLittle);
  const Error error = error_of([&] { tiny.model.encode_tokens(tokens); });
  CHECK(error.kind() == ErrorKind::out_of_memory);
  CHECK_THAT(error.what(), Catch::Matchers::Contains("text.pt: "));
}

TEST_CASE("a batch that does not fit is encoded by halves", "[encoder][memory]") {
  const TinyModel tiny;
  std::vector<std::string> texts;
  for (int i = 0; i < 64; ++i) texts.push_back("a dog " + std::to_string(100 + i));
  const std::vector<Tokens> tokens = tokens_of(tiny.model, texts);
  const Embeddings expected = tiny.model.encode_tokens(tokens);
  const ScarceMemory scarce(kLittle);
  const Embeddings rows = tiny.model.encode_tokens(tokens);
  for (std::size_t i = 0; i < rows.rows(); ++i) CHECK(cosine(rows[i], expected[i]) == Approx(1));
}

TEST_CASE("an input that does not fit alone is left out", "[encoder][memory]") {
  const TinyModel tiny;
  const std::vector<Tokens> tokens =
      tokens_of(tiny.model, {"a dog", kLong, "a red circle", "a cat", kLong});
  const Embeddings expected = tiny.model.encode_tokens(tokens);
  std::map<std::size_t, ErrorKind> left_out;
  EncodeOptions options;
  options.left_out = [&](std::size_t input, const Error& error) {
    left_out.emplace(input, error.kind());
  };
  const ScarceMemory scarce(kLittle);
  const Embeddings rows = tiny.model.encode_tokens(tokens, options);
  CHECK(left_out == std::map<std::size_t, ErrorKind>{{1, ErrorKind::out_of_memory},
                                                     {4, ErrorKind::out_of_memory}});
  for (const std::size_t good : {0, 2, 3}) CHECK(cosine(rows[good], expected[good]) == Approx(1));
  for (const std::size_t bad : {1, 4}) {
    for (const float value : rows[bad]) CHECK(value == 0);
  }
}

TEST_CASE("three inputs in a row that do not fit end the call", "[encoder][memory]") {
  const TinyModel tiny;
  const std::vector<Tokens> tokens = tokens_of(tiny.model, {kLong, kLong + "y", kLong + "zz"});
  int left_out = 0;
  EncodeOptions options;
  options.left_out = [&](std::size_t, const Error&) { ++left_out; };
  const ScarceMemory scarce(kLittle);
  const Error error = error_of([&] { tiny.model.encode_tokens(tokens, options); });
  CHECK(error.kind() == ErrorKind::out_of_memory);
  CHECK(left_out == 2);
}

}  // namespace
}  // namespace llm2clip
