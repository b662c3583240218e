#include "model/loading_log.h"

#include <cstdlib>
#include <map>
#include <string>

#include "base/widest.h"
#include "encoder/cpu/processor.h"
#include "model/precisions.h"

namespace llm2clip {
namespace {

// "AMX, AVX512_BF16 ... or DEFAULT".
std::string isa_names() {
  std::string names;
  for (std::size_t i = kIsaNames.size(); i-- > 0;) {
    names += kIsaNames[i].first;
    if (i > 0) names += i > 1 ? ", " : " or ";
  }
  return names;
}

std::string text_of(const Choice& choice, const OptimizeOutcome& optimized) {
  const char* what = optimized.how == Optimized::none       ? "not optimized ("
                     : optimized.how == Optimized::in_place ? "optimized, not prepacked ("
                                                            : "optimized and prepacked (";
  return what + (optimized.why.empty() ? choice.why : optimized.why) + ")";
}

void log_operators(const PartInfo& part, const std::map<std::string, int>& operators) {
  if (operators.empty()) return;
  log(LogLevel::debug, [&] {
    std::string line = part.file + ": optimized with";
    for (const auto& [name, count] : operators) line += " " + std::to_string(count) + " " + name;
    return line;
  });
}

}  // namespace

void log_trust(const std::filesystem::path& model, const LoadOptions& options) {
  if (!options.trust_model) return;
  log(LogLevel::warning, [&] {
    return model.string() +
           ": its programs are trusted, and not held to the operators that models need";
  });
}

void log_processor() {
  log(LogLevel::info, [] { return "this processor " + describe_processor(); });
  const char* most = std::getenv("LLM2CLIP_MAX_CPU_ISA");
  if (most && *most != '\0' && !isa_named(most)) {
    log(LogLevel::warning, [&] {
      return "LLM2CLIP_MAX_CPU_ISA: expected " + isa_names() + ", got \"" + std::string(most) +
             "\"; nothing is held back";
    });
  }
}

void log_part(const PartInfo& part, const TorchModule& module, const PrecisionChoice& precision,
              const Choice& choice, const Stopwatch& stopwatch) {
  const PartMemory memory = module.memory();
  log(LogLevel::info, [&] {
    return part.file + ": " + part.precision + ", computes in " + precision.precision + " on " +
           module.device().str() + " (" + precision.why + "); " +
           std::to_string(memory.mapped_bytes) + " bytes mapped, " +
           std::to_string(memory.copied_bytes) + " copied; " + text_of(choice, module.optimized()) +
           "; loaded in " + stopwatch.text();
  });
  if (precision.slow) {
    log(LogLevel::warning, [&] {
      return part.file + ": computes in " + precision.precision + " (" + precision.why + ")";
    });
  }
  if (memory.mapped_bytes == 0 && module.device().is_cpu() &&
      precision.precision == parameter_precision(part) &&
      module.optimized().how != Optimized::prepacked) {
    log(LogLevel::warning, [&] {
      return part.file + ": none of its weights could be mapped; every process has its own copy";
    });
  }
  log_operators(part, module.optimized_operators());
}

}  // namespace llm2clip
