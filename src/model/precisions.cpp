#include "model/precisions.h"

#include "base/names.h"
#include "encoder/device.h"
#include "model/memory_plan.h"

namespace llm2clip {
namespace {

constexpr std::array<Named<Precision>, 5> kPrecisions = {
    {{Precision::automatic, "auto"},
     {Precision::bfloat16, "bfloat16"},
     {Precision::float16, "float16"},
     {Precision::float32, "float32"},
     {Precision::int8_dynamic, "int8-dynamic"}}};

constexpr std::array<Named<Optimize>, 3> kOptimize = {
    {{Optimize::automatic, "auto"}, {Optimize::always, "always"}, {Optimize::never, "never"}}};

std::uint64_t bytes_of(const std::string& precision) {
  return precision == "bfloat16" || precision == "float16" ? 2 : 4;
}

bool is_quantized(const std::string& precision) {
  return precision == "int8" || precision == "int4";
}

PrecisionChoice choice_of(const PartInfo& part, const LoadOptions& options,
                          const std::string& device) {
  const bool dynamic = options.precision == Precision::int8_dynamic;
  if (dynamic && is_quantized(part.precision)) return {"int8-dynamic", "as asked", false};
  return choose_precision(dynamic ? "auto" : to_string(options.precision),
                          parameter_precision(part), device, processor_products());
}

[[noreturn]] void refuse_dynamic(ErrorKind kind, const std::string& why) {
  throw Error(kind, "precision: int8-dynamic " + why);
}

void check_dynamic(const LoadOptions& options, const std::string& device) {
  if (options.precision != Precision::int8_dynamic) return;
  if (device != "cpu") refuse_dynamic(ErrorKind::unavailable, "is for a CPU; use the device cpu");
  if (options.optimize == Optimize::never) {
    refuse_dynamic(ErrorKind::invalid_argument,
                   "is not for a program as it was exported; use the optimize auto");
  }
}

}  // namespace

const char* to_string(Precision precision) { return name_of(kPrecisions, precision); }
const char* to_string(Optimize optimize) { return name_of(kOptimize, optimize); }

template <>
Precision from_string(std::string_view name) {
  return value_of(kPrecisions, "precision", name);
}
template <>
Optimize from_string(std::string_view name) {
  return value_of(kOptimize, "optimize", name);
}

PrecisionChoice choose_precision(const PartInfo& part, const LoadOptions& options) {
  const std::string device = resolve_device(options.device);
  check_dynamic(options, device);
  return choice_of(part, options, device);
}

std::string parameter_precision(const PartInfo& part) {
  if (part.quantized) return part.quantized->kept;
  // A program that knows no more than the name.
  return is_quantized(part.precision) ? "bfloat16" : part.precision;
}

std::uint64_t weight_bytes(const PartInfo& part, const std::string& precision) {
  const std::uint64_t parameters = part.quantized ? part.quantized->kept_bytes : part.bytes;
  const std::uint64_t stored = bytes_of(parameter_precision(part));
  return part.bytes - parameters + parameters / stored * bytes_of(precision);
}

std::uint64_t copied_bytes(const PartInfo& part, const std::string& precision) {
  if (precision == parameter_precision(part)) return 0;
  const std::uint64_t rounded = part.quantized ? part.bytes - part.quantized->kept_bytes : 0;
  return weight_bytes(part, precision) - rounded;
}

Precisions choose_precisions(const ModelInfo& info, const LoadOptions& options,
                             const std::string& device) {
  const auto choice = [&](const std::optional<PartInfo>& part,
                          bool wanted) -> std::optional<PrecisionChoice> {
    if (!part || !wanted) return std::nullopt;
    return choice_of(*part, options, device);
  };
  check_dynamic(options, device);
  Precisions precisions{choice(info.vision, options.vision), choice(info.text, options.text),
                        choice(info.adapter, options.text)};
  const auto dynamic = [](const std::optional<PrecisionChoice>& part) {
    return part && part->precision == "int8-dynamic";
  };
  if (options.precision == Precision::int8_dynamic && !dynamic(precisions.vision) &&
      !dynamic(precisions.text)) {
    refuse_dynamic(ErrorKind::invalid_argument,
                   "is for weights of 8 or 4 bits, and model " + info.name +
                       " has none; llm2clip-export --text-precision int8 makes them");
  }
  return precisions;
}

// Slow in what is stored is better than not at all: a laptop may hold a tower in bfloat16 and not
// its copy in float32.
void keep_stored_where_copies_do_not_fit(const ModelInfo& info, const std::string& device,
                                         Optimize optimize, const FreeMemory& free,
                                         Precisions& precisions) {
  const MemoryPlan plan = plan_memory(info, precisions, device, optimize);
  if (plan.copied + plan.activations <= free.likely()) return;
  const auto keep = [&](const std::optional<PartInfo>& part,
                        std::optional<PrecisionChoice>& choice) {
    if (!choice) return;
    choice =
        without_copy(*choice, parameter_precision(*part), copied_bytes(*part, choice->precision));
  };
  keep(info.vision, precisions.vision);
  keep(info.text, precisions.text);
  keep(info.adapter, precisions.adapter);
}

}  // namespace llm2clip
