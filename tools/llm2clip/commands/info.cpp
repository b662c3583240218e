#include <array>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>

#include "commands/commands.h"
#include "commands/model_loading.h"
#include "terminal/json_output.h"
#include "terminal/output.h"
#include "terminal/table.h"

namespace llm2clip::cli {
namespace {

using nlohmann::ordered_json;

std::string bytes_text(std::uint64_t bytes) {
  constexpr std::array<const char*, 4> kUnits = {"bytes", "kB", "MB", "GB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1000 && unit + 1 < kUnits.size(); ++unit) value /= 1000;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return text.data();
}

std::string source_text(const PartInfo& part) {
  if (part.repository.empty()) return "unknown";
  return part.repository + (part.revision.empty() ? "" : " at " + part.revision);
}

// The provenance in the order they are shown in, both times. Numbers are written as they are.
using Provenance = std::vector<std::pair<std::string, std::string>>;

std::string number(float value) { return ordered_json(value).dump(); }

// How many matrices have how many bits; --json has each.
void add_quantized(Provenance& provenance, const QuantizedInfo& quantized) {
  std::map<int, int> matrices;
  for (const StoredMatrix& matrix : quantized.matrices) ++matrices[matrix.bits];
  std::string bits;
  for (const auto& [width, count] : matrices) {
    bits += (bits.empty() ? "" : ", ") + std::to_string(count) + " of " + std::to_string(width);
  }
  provenance.emplace_back("  matrices by bits", bits);
  provenance.emplace_back("  other weights",
                          quantized.kept + ", " + bytes_text(quantized.kept_bytes));
  provenance.emplace_back("  cosine to the published",
                          number(static_cast<float>(quantized.least_cosine)) + " at least, " +
                              number(static_cast<float>(quantized.median_cosine)) + " median");
}

void add_part(Provenance& provenance, const std::string& name,
              const std::optional<PartInfo>& part) {
  if (!part) {
    provenance.emplace_back(name, "not in this directory");
    return;
  }
  provenance.emplace_back(name,
                          part->file + ", " + part->precision + ", " + bytes_text(part->bytes));
  provenance.emplace_back("  source", source_text(*part));
  provenance.emplace_back("  sha256", part->sha256);
  if (part->quantized) add_quantized(provenance, *part->quantized);
}

Provenance provenance_of(const ModelInfo& info) {
  Provenance provenance = {{"name", info.name},
                           {"embedding size", std::to_string(info.dim)},
                           {"score scale", number(info.score_scale)}};
  add_part(provenance, "vision", info.vision);
  if (info.vision) {
    provenance.emplace_back("  image size", std::to_string(info.preprocess.image_size));
    provenance.emplace_back("  order", to_string(info.preprocess.order));
    provenance.emplace_back("  resize passes", to_string(info.preprocess.resize_passes));
  }
  add_part(provenance, "text", info.text);
  if (info.text) {
    provenance.emplace_back("  width", std::to_string(info.text_width));
    provenance.emplace_back("  tokenizer", info.tokenizer_file);
    provenance.emplace_back("  max tokens", std::to_string(info.tokenizer.max_tokens));
    if (info.tokenizer.doc_max_length < info.tokenizer.max_tokens) {
      provenance.emplace_back("  doc max length", std::to_string(info.tokenizer.doc_max_length));
    }
  }
  add_part(provenance, "adapter", info.adapter);
  for (const auto& [program, version] : info.created_with) {
    provenance.emplace_back("created with", program + " " + version);
  }
  return provenance;
}

std::string text_of(const Provenance& provenance) {
  std::vector<std::string> names;
  for (const auto& entry : provenance) names.push_back(entry.first);
  const Table table({{.title = "", .width = widest(names)}, {.title = ""}}, 0);
  std::string text;
  for (const auto& [name, value] : provenance) text += table.line({name, value});
  return text;
}

void say_what_parts_compute_in(const ModelInfo& info, Messages& messages) {
  for (const auto* part : {&info.vision, &info.text, &info.adapter}) {
    if (!*part) continue;
    const PrecisionChoice choice = choose_precision(**part);
    messages.detail((*part)->file + ": computes in " + choice.precision + " here (" + choice.why +
                    ")");
  }
}

// With what each part computes in on this machine, when nothing is asked for.
std::string json_of(const ModelInfo& info) {
  ordered_json json = ordered_json::parse(to_json(info));
  const auto add = [&](const char* name, const std::optional<PartInfo>& part) {
    if (!part) return;
    const PrecisionChoice choice = choose_precision(*part);
    json[name]["computes_in"] = choice.precision;
    json[name]["computes_in_reason"] = choice.why;
  };
  add("vision", info.vision);
  add("text", info.text);
  add("adapter", info.adapter);
  return json_text(json) + "\n";
}

}  // namespace

int run_info(const InfoFlags& flags, Messages& messages) {
  const ModelInfo info = read_model_info(flags.directory);
  if (messages.shows_details()) say_what_parts_compute_in(info, messages);
  Output output;
  output.write(flags.json ? json_of(info) : text_of(provenance_of(info)));
  output.flush();
  return 0;
}

}  // namespace llm2clip::cli
