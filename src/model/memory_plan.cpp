#include "model/memory_plan.h"

#include <algorithm>

#include "base/log.h"
#include "llm2clip/error.h"

namespace llm2clip {
namespace {

std::string megabytes(std::uint64_t bytes) { return std::to_string(bytes / 1'000'000) + " MB"; }

[[noreturn]] void refuse_size(const std::string& message) {
  throw Error(ErrorKind::out_of_memory, message);
}

const MemoryBound* tightest(const std::vector<MemoryBound>& bounds) {
  const auto found = std::min_element(
      bounds.begin(), bounds.end(),
      [](const MemoryBound& a, const MemoryBound& b) { return a.likely < b.likely; });
  return found == bounds.end() ? nullptr : &*found;
}

// Estimate for a batch of the default size.
std::uint64_t activation_bytes(const ModelInfo& info, const Precisions& precisions) {
  // Floats of scratch per value of the input, or of a state of width H. ScratchMeter gives 5.6 and
  // 7 for the demo model; more than doubled, as larger towers are wider inside.
  constexpr std::uint64_t kPerPixel = 16;
  constexpr std::uint64_t kPerState = 12;
  constexpr std::uint64_t kFloat = sizeof(float);
  const EncodeOptions batches;
  const auto side = static_cast<std::uint64_t>(info.preprocess.image_size);
  std::uint64_t images = 0, texts = 0;
  if (precisions.vision) images = kPerPixel * kFloat * batches.batch_size * 3 * side * side;
  if (precisions.text) texts = kPerState * kFloat * batches.batch_tokens * info.text_width;
  return std::max(images, texts);
}

}  // namespace

MemoryPlan plan_memory(const ModelInfo& info, const Precisions& precisions,
                       const std::string& device, Optimize optimize) {
  MemoryPlan plan;
  const auto add = [&](const std::optional<PartInfo>& part,
                       const std::optional<PrecisionChoice>& choice) {
    if (!choice) return;
    plan.files += part->bytes;
    if (device != "cpu") return;
    // Products in float32 read weights of fewer bits where they lie (note [Products in place]).
    const bool is_half = choice->precision == "bfloat16" || choice->precision == "float16";
    const bool in_place = optimize != Optimize::never && !is_half;
    const std::uint64_t copied = in_place ? 0 : copied_bytes(*part, choice->precision);
    plan.copied += copied;
    plan.mapped += in_place ? part->bytes : weight_bytes(*part, choice->precision) - copied;
  };
  add(info.vision, precisions.vision);
  add(info.text, precisions.text);
  add(info.adapter, precisions.adapter);
  if (device == "cpu") plan.activations = activation_bytes(info, precisions);
  return plan;
}

void check_memory_plan(const std::string& model, const MemoryPlan& plan, const FreeMemory& free) {
  const std::string copies = megabytes(plan.copied) + " for copies of weights";
  const std::string words = copies + ", about " + megabytes(plan.activations) + " for activations";
  const MemoryBound* least = tightest(free.memory);
  const std::string there =
      least ? megabytes(least->likely) + " are free (" + least->of + ")" : "unknown what is free";
  log(LogLevel::info, [&] {
    return model + ": " + megabytes(plan.mapped) + " of weights stay in their files; needs " +
           words + "; " + there;
  });
  for (const MemoryBound& bound : free.memory) {
    if (plan.copied <= bound.most) continue;
    refuse_size(model + ": needs " + copies + "; no more than " + megabytes(bound.most) +
                " can be had (" + bound.of +
                "); use the stored precision, or a machine with more memory");
  }
  for (const MemoryBound& bound : free.addresses) {
    if (plan.files + plan.copied <= bound.most) continue;
    refuse_size(model + ": needs " + megabytes(plan.files + plan.copied) + " of addresses; " +
                bound.of + " leaves " + megabytes(bound.most) + "; raise it with ulimit");
  }
  if (!least || plan.copied + plan.activations <= least->likely) return;
  log(LogLevel::warning, [&] {
    return model + ": needs " + words + "; " + there +
           "; the system may swap or end the process: use smaller batches or the stored precision";
  });
}

}  // namespace llm2clip
