#include "store/run/run_report.h"

#include <nlohmann/json.hpp>

#include "base/checked_json.h"
#include "base/file_calls.h"
#include "base/json_text.h"
#include "llm2clip/error.h"

namespace llm2clip {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::ordered_json;

constexpr std::uint64_t kFormat = 3;  // 1 had no "format", 2 called provenance settings
constexpr std::uint64_t kMostBlocks = 256;
constexpr std::size_t kBlockDigits = 16;

struct Damaged {};

template <typename T>
T required(std::optional<T> value) {
  if (!value) throw Damaged();
  return *std::move(value);
}

const json& object_in(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_object()) throw Damaged();
  return *found;
}

json summary_json(const RunSummary& summary) {
  json object = {{"inputs", summary.inputs},
                 {"embedded", summary.embedded},
                 {"failed", summary.failed},
                 {"failed_by_code", summary.failed_by_code}};
  for (const auto& [what, count] : summary.counts) object[what] = count;
  return object;
}

RunSummary parse_summary(const json& object) {
  RunSummary summary;
  summary.inputs = required(count_in(object, "inputs"));
  summary.embedded = required(count_in(object, "embedded"));
  summary.failed = required(count_in(object, "failed"));
  for (const auto& [code, ignored] : object_in(object, "failed_by_code").items()) {
    summary.failed_by_code[code] = required(count_in(object["failed_by_code"], code.c_str()));
  }
  for (const auto& [what, ignored] : object.items()) {
    if (what == "inputs" || what == "embedded" || what == "failed" || what == "failed_by_code") {
      continue;
    }
    summary.counts[what] = required(count_in(object, what.c_str()));
  }
  return summary;
}

InputDigests parse_inputs(const json& object) {
  InputDigests inputs;
  inputs.listed = required(count_in(object, "listed"));
  inputs.block = required(count_in(object, "block"));
  const auto blocks = object.find("blocks");
  if (blocks == object.end() || !blocks->is_array()) throw Damaged();
  for (const json& digest : *blocks) {
    if (!digest.is_string()) throw Damaged();
    inputs.blocks.push_back(digest.get<std::string>());
  }
  if (inputs.block != block_of(inputs.listed)) throw Damaged();
  const std::uint64_t count =
      inputs.listed / inputs.block + (inputs.listed % inputs.block == 0 ? 0 : 1);
  if (inputs.blocks.size() != count) throw Damaged();
  return inputs;
}

[[noreturn]] void refuse_output(const fs::path& output, const std::string& why) {
  throw Error(ErrorKind::io,
              output.string() + ": exists, and " + run_report_path(output).filename().string() +
                  ", which says what it is, " + why + "; give another name, or overwrite it");
}

}  // namespace

std::optional<std::string> BlockDigests::add(const std::string& short_digest) {
  sha256_.add(short_digest);
  if (++count_ < block_) return std::nullopt;
  count_ = 0;
  return sha256_.hex().substr(0, kBlockDigits);
}

std::optional<std::string> BlockDigests::rest() {
  if (count_ == 0) return std::nullopt;
  count_ = 0;
  return sha256_.hex().substr(0, kBlockDigits);
}

std::uint64_t block_of(std::uint64_t listed) {
  return listed == 0 ? 1 : (listed - 1) / kMostBlocks + 1;
}

fs::path run_report_path(const fs::path& output) { return fs::path(output) += ".run.json"; }

std::string report_json(const RunReport& report) {
  json provenance = json::object();
  for (const auto& [name, value] : report.provenance) provenance[name] = value;
  const json object = {
      {"format", kFormat},
      {"provenance", provenance},
      {"summary", summary_json(report.summary)},
      {"inputs",
       {{"listed", report.inputs.listed},
        {"list_sha256", report.list_sha256},
        {"block", report.inputs.block},
        {"blocks", report.inputs.blocks},
        {"joined", report.joined}}},
      {"output", {{"bytes", report.output_bytes}, {"sha256", report.output_sha256}}}};
  return escape_line_ends(object.dump(2, ' ', false, json::error_handler_t::replace)) + "\n";
}

RunReport parse_report(const fs::path& output, std::string_view text) {
  const auto object = parse_checked_json(text);
  if (!object || !object->is_object()) refuse_output(output, "is missing or damaged");
  if ((object->contains("provenance") || object->contains("settings")) &&
      count_in(*object, "format") != kFormat) {
    refuse_output(output, "is of a format that this version of llm2clip does not read");
  }
  try {
    RunReport report;
    const json& provenance = object_in(*object, "provenance");
    report.provenance = parse_provenance(run_report_path(output), provenance.dump());
    report.summary = parse_summary(object_in(*object, "summary"));
    report.inputs = parse_inputs(object_in(*object, "inputs"));
    report.list_sha256 = required(text_in(object_in(*object, "inputs"), "list_sha256"));
    report.joined = required(count_in(object_in(*object, "inputs"), "joined"));
    report.output_bytes = required(count_in(object_in(*object, "output"), "bytes"));
    report.output_sha256 = required(text_in(object_in(*object, "output"), "sha256"));
    const RunSummary& summary = report.summary;
    if (summary.inputs == report.inputs.listed && summary.embedded <= summary.inputs &&
        summary.failed == summary.inputs - summary.embedded) {
      return report;
    }
  } catch (const Damaged&) {
  } catch (const json::exception&) {  // text that is not UTF-8
  }
  refuse_output(output, "is damaged");
}

RunReport read_run_report(const fs::path& output) {
  const fs::path path = run_report_path(output);
  return parse_report(output, fs::exists(path) ? read_text(path) : std::string());
}

}  // namespace llm2clip
