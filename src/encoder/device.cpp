#include "encoder/device.h"

#include <ATen/Context.h>

#include <charconv>

#include "llm2clip/error.h"

namespace llm2clip {
namespace {

// The N of "cuda:N", 0 for "cuda", -1 for anything else.
int cuda_index(const std::string& name) {
  if (name == "cuda") return 0;
  if (!name.starts_with("cuda:")) return -1;
  int index = -1;
  const char* end = name.data() + name.size();
  const auto [rest, error] = std::from_chars(name.data() + 5, end, index);
  return error == std::errc() && rest == end ? index : -1;
}

}  // namespace

std::string resolve_device(const std::string& name) {
  if (name == "cpu") return name;
  if (name == "auto")
    return at::hasCUDA() && at::detail::getCUDAHooks().deviceCount() > 0 ? "cuda:0" : "cpu";
  const int index = cuda_index(name);
  if (index < 0) {
    throw Error(ErrorKind::invalid_argument,
                "device: expected auto, cpu, cuda or cuda:N, got \"" + name + "\"");
  }
  const int count = at::hasCUDA() ? at::detail::getCUDAHooks().deviceCount() : 0;
  if (index >= count) {
    throw Error(ErrorKind::unavailable,
                "device: " + name + " was asked for, and this machine and LibTorch offer " +
                    std::to_string(count) + " CUDA devices; use the device cpu");
  }
  return "cuda:" + std::to_string(index);
}

PrecisionChoice choose_precision(const std::string& wanted, const std::string& stored,
                                 const std::string& device, const ProcessorProducts& products) {
  const bool automatic = wanted == "auto";
  const std::string precision = automatic ? stored : wanted;
  const std::string why = automatic ? "as stored" : "as asked";
  if (device != "cpu" || precision == "float32") return {precision, why, false};
  const ProductSpeed speed = precision == "bfloat16" ? products.bfloat16 : products.float16;
  if (speed == ProductSpeed::native) {
    return {precision, why + "; this processor multiplies it fast", false};
  }
  const std::string slow = "this processor multiplies " + precision + " slowly";
  if (automatic) return {"float32", slow, false};
  if (precision == "float16" && speed == ProductSpeed::none) {
    throw Error(ErrorKind::unavailable,
                "precision: float16 needs a CUDA device or a processor that multiplies it; use "
                "float32 on this CPU");
  }
  return {precision, why + "; " + slow, true};
}

PrecisionChoice without_copy(const PrecisionChoice& choice, const std::string& stored,
                             std::uint64_t bytes) {
  if (stored != "bfloat16" || choice.precision == stored) return choice;
  return {stored,
          choice.why + ", but memory does not suffice for a copy of " +
              std::to_string(bytes / 1'000'000) + " MB in " + choice.precision,
          true};
}

}  // namespace llm2clip
