// A .safetensors file is refused as damaged, or all that it says of its tensors is true.

#include "store/safetensors.h"

#include "input_file.h"
#include "llm2clip/embeddings_file.h"
#include "property.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace llm2clip;
  const fuzz::InputFile input(data, size);
  fuzz::takes(ErrorKind::bad_model, [&] {
    const SafetensorsFile file = SafetensorsFile::open(input.path());
    unsigned sum = 0;
    for (const auto& [name, tensor] : file.tensors()) {
      for (const std::byte byte : tensor.bytes) sum += std::to_integer<unsigned>(byte);
      if (tensor.dtype == "F32") file.float32_values(name);
      if (tensor.dtype == "I64") file.int64_values(name);
    }
    [[maybe_unused]] static volatile unsigned read_them_all;
    read_them_all = sum;
  });
  return 0;
}
