#include "model/precisions.h"

#include "base/names.h"
#include "encoder/device.h"
#include "model/memory_plan.h"

namespace llm2clip {
namespace {

constexpr std::array<Named<Precision>, 6> kPrecisions = {
    {{Precision::automatic, "auto"},
     {Precision::bfloat16, "bfloat16"},
     {Precision::float16, "float16"},
     {Precision::float32, "float32"},
     {Precision::int8_dynamic, "int8-dynamic"},
     {Precision::int16_dynamic, "int16-dynamic"}}};

constexpr std::array<Named<Optimize>, 3> kOptimize = {
    {{Optimize::automatic, "auto"}, {Optimize::always, "always"}, {Optimize::never, "never"}}};

std::uint64_t bytes_of(const std::string& precision) {
  return precision == "bfloat16" || precision == "float16" ? 2 : 4;
}

bool is_quantized(const std::string& precision) {
  return precision == "int8" || precision == "int4";
}

// Rows become integers where they meet weights of 8 or 4 bits.
bool is_dynamic(Precision precision) {
  return precision == Precision::int8_dynamic || precision == Precision::int16_dynamic;
}

PrecisionChoice choice_of(const PartInfo& part, const LoadOptions& options,
                          const std::string& device) {
  const bool quantized = is_quantized(part.precision), dynamic = is_dynamic(options.precision);
  if (dynamic && quantized) return {to_string(options.precision), "as asked", false};
  const ProcessorProducts& products = processor_products();
  const PrecisionChoice choice = choose_precision(dynamic ? "auto" : to_string(options.precision),
                                                  parameter_precision(part), device, products);
  const bool may_round = quantized && options.precision == Precision::automatic &&
                         device == "cpu" && options.optimize != Optimize::never;
  if (!may_round || choice.precision != "float32" || !products.integers) return choice;
  return {"int16-dynamic", choice.why + ", and integers of 16 bits faster than float32", false};
}

[[noreturn]] void refuse_dynamic(ErrorKind kind, Precision precision, const std::string& why) {
  throw Error(kind, std::string("precision: ") + to_string(precision) + " " + why);
}

void check_dynamic(const LoadOptions& options, const std::string& device) {
  if (!is_dynamic(options.precision)) return;
  if (device != "cpu") {
    refuse_dynamic(ErrorKind::unavailable, options.precision, "is for a CPU; use the device cpu");
  }
  if (options.optimize == Optimize::never) {
    refuse_dynamic(ErrorKind::invalid_argument, options.precision,
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
  const auto taken = [&](const std::optional<PrecisionChoice>& part) {
    return part && part->precision == to_string(options.precision);
  };
  if (is_dynamic(options.precision) && !taken(precisions.vision) && !taken(precisions.text)) {
    refuse_dynamic(ErrorKind::invalid_argument, options.precision,
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
