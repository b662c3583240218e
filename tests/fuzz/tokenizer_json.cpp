// A tokenizer.json is refused as a bad model, or can tokenize, and gives the text back where it has
// all of its bytes.

#include <algorithm>
#include <bitset>
#include <limits>
#include <string>

#include "property.h"
#include "text/bpe/bpe_tokenizer.h"

namespace {

constexpr std::int64_t kMostIds = 10'000;  // they may lie far apart

// Those that are tokens of their own: a text of others loses them, or gets unknown tokens.
std::bitset<256> bytes_of(const llm2clip::TokenModel& tokenizer) {
  std::bitset<256> bytes;
  for (std::int64_t id = 0; id < tokenizer.vocabulary_size(); ++id) {
    llm2clip::fuzz::takes(llm2clip::ErrorKind::invalid_argument, [&] {  // ids may have gaps
      const std::string piece = tokenizer.piece(id);
      if (piece.size() == 1) bytes.set(static_cast<unsigned char>(piece[0]));
    });
  }
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace llm2clip;
  const std::string_view json(reinterpret_cast<const char*>(data), size);
  fuzz::takes(ErrorKind::bad_model, [&] {
    const auto tokenizer = make_bpe_tokenizer(json, "tokenizer.json");
    const std::string text = "hello, w\xC3\xB6rld 12345\n\n <|eot_id|>";
    std::string back;
    for (const std::int64_t id : tokenizer->encode(text, std::numeric_limits<std::size_t>::max())) {
      fuzz::property(id >= 0 && id < tokenizer->vocabulary_size(), "ids are of the vocabulary");
      back += tokenizer->piece(id);
    }
    if (back == text || tokenizer->vocabulary_size() > kMostIds) return;
    const std::bitset<256> known = bytes_of(*tokenizer);
    fuzz::property(std::any_of(text.begin(), text.end(),
                               [&](char byte) { return !known[static_cast<unsigned char>(byte)]; }),
                   "the pieces of a text are the text");
  });
  return 0;
}
