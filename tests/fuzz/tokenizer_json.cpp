// A tokenizer.json is refused as a bad model, or can tokenize and give the text back.

#include <limits>
#include <string>

#include "property.h"
#include "text/bpe_tokenizer.h"

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
    fuzz::property(back == text, "the pieces of a text are the text");
  });
  return 0;
}
