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
                    std::to_string(count) + " CUDA devices; use --device cpu");
  }
  return "cuda:" + std::to_string(index);
}

std::string resolve_precision(const std::string& wanted, const std::string& stored,
                              const std::string& device) {
  const bool cpu = device == "cpu";
  // Measured: a CPU multiplies float16 matrices at a tenth of its float32 rate.
  if (wanted == "auto") return cpu && stored == "float16" ? "float32" : stored;
  if (cpu && wanted == "float16") {
    throw Error(ErrorKind::unavailable,
                "precision: float16 needs a CUDA device; use bfloat16 or float32 on the CPU");
  }
  return wanted;
}

}  // namespace llm2clip
