#include "llm2clip/torch.h"

#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>

#include <vector>

#include "llm2clip/preprocess.h"
#include "support/catch.h"
#include "support/error.h"
#include "support/tiny_model.h"

using namespace llm2clip;
using namespace llm2clip::testing;
using Catch::Matchers::Contains;

namespace {

struct Tiny {
  Scratch folder;
  Model model;
  Tiny() : model(load(folder.path())) {}

 private:
  static Model load(const std::filesystem::path& path) {
    write_tiny_model(path);
    return Model::load(path, {.device = "cpu"});
  }
};

// (B, D) of a tensor, as Embeddings holds them.
std::vector<float> values_of(const at::Tensor& tensor) {
  const at::Tensor plain = tensor.contiguous();
  return {plain.const_data_ptr<float>(), plain.const_data_ptr<float>() + plain.numel()};
}

std::vector<float> values_of(const Embeddings& rows) {
  return {rows.values().begin(), rows.values().end()};
}

}  // namespace

TEST_CASE("pixels in a tensor give the rows of their image", "[encoder][torch]") {
  const Tiny tiny;
  Image image{.width = 8, .height = 8};
  for (int i = 0; i < 192; ++i) image.pixels.push_back(static_cast<std::uint8_t>(i));
  std::vector<float> pixels(192);
  preprocess(image, tiny.model.info().preprocess, pixels);
  const at::Tensor input = at::tensor(pixels).view({1, 3, 8, 8});
  for (const bool normalize : {true, false}) {
    const EncodeOptions options{.normalize = normalize};
    const at::Tensor rows = encode_pixels(tiny.model, input, options);
    CHECK(rows.sizes() == at::IntArrayRef({1, 96}));
    const Embeddings expected = tiny.model.encode_images(std::vector<Image>{image}, options);
    CHECK(values_of(rows) == values_of(expected));
  }
  CHECK(encode_pixels(tiny.model, input.to(at::kDouble)).scalar_type() == at::kFloat);
}

TEST_CASE("token ids in a tensor give the rows of their texts", "[encoder][torch]") {
  const Tiny tiny;
  const std::vector<std::string> texts = {"a dog", "a cat"};
  std::vector<std::int64_t> ids;
  int pooled = 0;
  for (const std::string& text : texts) {
    const Tokens tokens = tiny.model.tokenizer().encode(text);
    ids.insert(ids.end(), tokens.ids.begin(), tokens.ids.end());
    pooled = tokens.pooled;
  }
  const at::Tensor input = at::tensor(ids).view({2, -1});
  for (const bool adapter : {true, false}) {
    const EncodeOptions options{.adapter = adapter};
    const at::Tensor rows = encode_token_ids(tiny.model, input, pooled, options);
    CHECK(rows.sizes() == at::IntArrayRef({2, adapter ? 96 : 64}));
    CHECK(values_of(rows) == values_of(tiny.model.encode_texts(texts, options)));
  }
}

TEST_CASE("embeddings become tensors without a copy", "[encoder][torch]") {
  Embeddings rows(2, 3);
  rows[1][2] = 7;
  const float* const memory = rows.values().data();
  const at::Tensor view = view_tensor(rows);
  CHECK(view.const_data_ptr<float>() == memory);
  CHECK(view.sizes() == at::IntArrayRef({2, 3}));
  view.mutable_data_ptr<float>()[0] = 5;
  CHECK(rows[0][0] == 5);

  at::Tensor owner = to_tensor(std::move(rows));
  CHECK(owner.const_data_ptr<float>() == memory);
  const at::Tensor last = owner.select(0, 1);
  owner.reset();
  CHECK(last.const_data_ptr<float>()[2] == 7);
  CHECK(to_tensor(Embeddings(0, 4)).sizes() == at::IntArrayRef({0, 4}));
}

TEST_CASE("no rows give no rows", "[encoder][torch]") {
  const Tiny tiny;
  CHECK(encode_pixels(tiny.model, at::ones({0, 3, 8, 8})).sizes() == at::IntArrayRef({0, 96}));
  const at::Tensor ids = at::ones({0, 5}, at::kLong);
  CHECK(encode_token_ids(tiny.model, ids, 2).sizes() == at::IntArrayRef({0, 96}));
  CHECK(encode_token_ids(tiny.model, ids, 2, {.adapter = false}).sizes() ==
        at::IntArrayRef({0, 64}));
}

TEST_CASE("ids in a tensor are of the vocabulary", "[encoder][torch]") {
  const Tiny tiny;
  const auto refused = [&](std::vector<std::int64_t> ids) {
    const at::Tensor tensor = at::tensor(ids).view({2, 2}).t();  // not contiguous
    const Error error = error_of([&] { encode_token_ids(tiny.model, tensor, 1); });
    CHECK(error.kind() == ErrorKind::invalid_argument);
    return std::string(error.what());
  };
  CHECK(refused({1, 260, 3, 4}) == "ids: text 1: id 260 at position 0, ids are from 0 to 259");
  CHECK(refused({1, 2, -1, 4}) == "ids: text 0: id -1 at position 1, ids are from 0 to 259");
}

TEST_CASE("tensors that are no input are refused with what is expected", "[encoder][torch]") {
  const Tiny tiny;
  const auto refused = [](auto&& call) {
    const Error error = error_of(call);
    CHECK(error.kind() == ErrorKind::invalid_argument);
    return std::string(error.what());
  };
  CHECK_THAT(refused([&] { encode_pixels(tiny.model, at::ones({1, 3, 9, 8})); }),
             Contains("(B, 3, 8, 8), got (1, 3, 9, 8)"));
  CHECK_THAT(refused([&] { encode_pixels(tiny.model, at::Tensor()); }), Contains("undefined"));
  CHECK_THAT(refused([&] { encode_token_ids(tiny.model, at::ones({2, 3}), 1); }),
             Contains("int64"));
  const at::Tensor ids = at::ones({2, 3}, at::kLong);
  CHECK_THAT(refused([&] { encode_token_ids(tiny.model, ids, 4); }), Contains("pooled: 4"));
  const Model text_only = Model::load(tiny.folder.path(), {.device = "cpu", .vision = false});
  CHECK_THAT(refused([&] { encode_pixels(text_only, at::ones({1, 3, 8, 8})); }),
             Contains("vision part"));
}
