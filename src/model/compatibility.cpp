#include "model/compatibility.h"

#include <cstdint>
#include <string>

#include "encoder/torch_module.h"
#include "llm2clip/error.h"

namespace llm2clip {
namespace {

// A size that one file has and another must have as well; 0 where the file does not tell.
struct Size {
  std::filesystem::path file;
  std::string says;  // "takes captions of 64 components" without the number and the unit
  std::int64_t value = 0;
};

Size size_of(const TorchModule* module, const char* weight, std::size_t dimension,
             const std::string& says) {
  if (!module) return {};
  const auto shape = module->weight_shape(weight);
  return {module->path(), says, dimension < shape.size() ? shape[dimension] : 0};
}

[[noreturn]] void refuse(const Size& one, const Size& other, const std::string& unit) {
  throw Error(ErrorKind::bad_model, one.file.string() + ": " + one.says + " " +
                                        std::to_string(one.value) + " " + unit + ", but " +
                                        other.file.filename().string() + " " + other.says + " " +
                                        std::to_string(other.value) +
                                        "; they are of different models, export them together");
}

void check_equal(const Size& one, const Size& other, const std::string& unit) {
  if (one.value > 0 && other.value > 0 && one.value != other.value) refuse(one, other, unit);
}

}  // namespace

void check_fit(const LoadedParts& parts) {
  check_equal(size_of(parts.adapter, "projection.weight", 1, "takes captions of"),
              size_of(parts.text, "embedding.weight", 1, "gives"), "components");
  const Size image = size_of(parts.vision, "projection.weight", 0, "gives embeddings of");
  const Size text = size_of(parts.adapter, "projection.weight", 0, "gives embeddings of");
  check_equal(text, image, "components");
  // The other tower may not be loaded.
  const Size said{"llm2clip.json", "says", static_cast<std::int64_t>(parts.dim)};
  check_equal(text, said, "components");
  check_equal(image, said, "components");
  if (!parts.tokenizer) return;
  // Fewer are right: embeddings are often padded to a round number.
  const Size tokens{parts.tokenizer_path, "has", parts.tokenizer->vocabulary_size()};
  const Size rows = size_of(parts.text, "embedding.weight", 0, "has embeddings for");
  if (rows.value > 0 && tokens.value > rows.value) refuse(tokens, rows, "tokens");
}

}  // namespace llm2clip
