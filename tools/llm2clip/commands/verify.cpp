#include "llm2clip/verify.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "commands/commands.h"
#include "commands/model_loading.h"
#include "llm2clip/threads.h"
#include "terminal/exit_code.h"
#include "terminal/json_output.h"
#include "terminal/output.h"
#include "terminal/table.h"

namespace llm2clip::cli {
namespace {

std::string formatted(const char* format, double value) {
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), format, value);
  return text.data();
}

const char* verdict(const StageReport& report) { return report.ok ? "ok" : "MISMATCH"; }

bool knows_reference(const StageReport& report) { return !std::isnan(report.reference_cosine); }

std::string known(double cosine) { return std::isnan(cosine) ? "" : formatted("%.7f", cosine); }

std::string explanation(const StageReport& report) {
  std::string expected;
  if (report.allowed_error >= 0) {
    expected = "an error of at most " + formatted("%.1e", report.allowed_error);
  }
  if (report.least_cosine >= 0) {
    expected += expected.empty() ? "" : " and ";
    expected += "a cosine of at least " + formatted("%.6f", report.least_cosine);
  }
  if (knows_reference(report)) {
    expected += " (the reference has " + formatted("%.6f", report.reference_cosine) + ")";
  }
  if (report.least_median >= 0) {
    expected += ", of the median row " + formatted("%.6f", report.least_median) +
                " (the reference has " + formatted("%.6f", report.reference_median) + ")";
  }
  return report.stage + ": " + expected + " expected; see docs/numerics.md";
}

std::string table_of(const std::vector<StageReport>& reports) {
  std::vector<std::string> stages;
  std::vector<std::string> counts;
  for (const StageReport& report : reports) {
    stages.push_back(report.stage);
    counts.push_back(std::to_string(report.values));
  }
  const bool half = std::ranges::any_of(reports, knows_reference);
  std::vector<Column> columns = {{.title = "stage", .width = widest(stages)},
                                 {.title = "values", .width = widest(counts), .right = true},
                                 {.title = "largest error", .right = true},
                                 {.title = "cosine", .width = 9, .right = true}};
  if (half) {
    columns.push_back({.title = "reference's", .right = true});
    columns.push_back({.title = "median", .width = 9, .right = true});
    columns.push_back({.title = "reference's", .right = true});
  }
  columns.push_back({.title = "verdict"});
  const Table table(columns, 0);
  std::string text = table.titles();
  for (const StageReport& report : reports) {
    std::vector<std::string> cells = {report.stage, std::to_string(report.values),
                                      formatted("%.1e", report.largest_error),
                                      formatted("%.7f", report.cosine)};
    if (half) {
      cells.push_back(known(report.reference_cosine));
      cells.push_back(known(report.median_cosine));
      cells.push_back(known(report.reference_median));
    }
    cells.emplace_back(verdict(report));
    text += table.line(cells);
  }
  return text;
}

std::string json_line(const StageReport& report) {
  const nlohmann::ordered_json line = {{"stage", report.stage},
                                       {"values", report.values},
                                       {"largest_error", report.largest_error},
                                       {"cosine", report.cosine},
                                       {"allowed_error", report.allowed_error},
                                       {"least_cosine", report.least_cosine},
                                       {"reference_cosine", report.reference_cosine},
                                       {"median_cosine", report.median_cosine},
                                       {"reference_median", report.reference_median},
                                       {"least_median", report.least_median},
                                       {"ok", report.ok}};
  return json_text(line) + "\n";
}

// The manifest was read before, so that what is wrong here are the files.
int check_files(const VerifyFlags& flags, Messages& messages) {
  try {
    verify_files(flags.model.directory);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::bad_model) throw;
    messages.error(error.what());
    return kVerifyMismatch;
  }
  Output output;
  output.write(flags.json ? "{\"files\":true,\"ok\":true}\n" : "files  ok\n");
  output.flush();
  return kDone;
}

int check_stages(const VerifyFlags& flags, Messages& messages) {
  if (flags.model.threads > 0) set_threads(flags.model.threads);
  const LibraryLines lines(messages);
  const std::vector<StageReport> reports = verify(flags.model.directory, load_options(flags.model));
  Output output;
  if (!flags.json) output.write(table_of(reports));
  int code = kDone;
  for (const StageReport& report : reports) {
    if (flags.json) output.write(json_line(report));
    if (report.ok) continue;
    code = kVerifyMismatch;
    messages.error(explanation(report));
  }
  output.flush();
  return code;
}

}  // namespace

int run_verify(const VerifyFlags& flags, Messages& messages) {
  static_cast<void>(read_model_info(flags.model.directory));
  return flags.files ? check_files(flags, messages) : check_stages(flags, messages);
}

}  // namespace llm2clip::cli
