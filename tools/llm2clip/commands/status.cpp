#include <array>
#include <chrono>
#include <cstdio>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "commands/commands.h"
#include "llm2clip/run_state.h"
#include "terminal/exit_code.h"
#include "terminal/json_output.h"
#include "terminal/output.h"
#include "terminal/table.h"

namespace llm2clip::cli {
namespace {

using Cells = std::vector<std::string>;

std::string number(double value, const char* form) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), form, value);
  return text.data();
}

double seconds_since(const RunState& state) {
  return std::chrono::duration<double>(std::chrono::system_clock::now() - state.changed).count();
}

std::string age(double seconds) {
  if (seconds < 120) return number(seconds, "%.0f s");
  return seconds < 7200 ? number(seconds / 60, "%.0f min") : number(seconds / 3600, "%.0f h");
}

std::string name_of(const RunState& state) {
  return state.damage.empty() ? (state.finished ? "done" : "unfinished") : "damaged";
}

Cells cells_of(const RunState& state) {
  const std::string shard = std::to_string(state.shard) + "/" + std::to_string(state.shards);
  if (!state.damage.empty())
    return {state.output.filename().string(), "", "damaged", "", "", "", ""};
  return {state.output.filename().string(),
          state.shards > 1 ? shard : "",
          name_of(state),
          std::to_string(state.embedded),
          std::to_string(state.failed),
          state.inputs_per_second > 0 ? number(state.inputs_per_second, "%.1f") : "",
          age(seconds_since(state))};
}

std::string table_of(const std::vector<RunState>& states) {
  std::vector<Column> columns = {{.title = "output"},
                                 {.title = "shard", .right = true},
                                 {.title = "state"},
                                 {.title = "rows", .right = true},
                                 {.title = "failed", .right = true},
                                 {.title = "inputs/s", .right = true},
                                 {.title = "last commit", .right = true}};
  std::vector<Cells> lines;
  for (const RunState& state : states) lines.push_back(cells_of(state));
  for (std::size_t k = 0; k < columns.size(); ++k) {
    Cells column;
    for (const Cells& line : lines) column.push_back(line[k]);
    columns[k].width = widest(column);
  }
  const Table table(columns, 0);
  std::string text = table.titles();
  for (const Cells& line : lines) text += table.line(line);
  return text;
}

std::string json_lines_of(const std::vector<RunState>& states) {
  std::string text;
  for (const RunState& state : states) {
    nlohmann::ordered_json json = {{"output", state.output.string()}, {"state", name_of(state)}};
    if (state.damage.empty()) {
      json["shard"] = state.shard;
      json["shards"] = state.shards;
      json["inputs"] = state.inputs;
      json["embedded"] = state.embedded;
      json["failed"] = state.failed;
      json["inputs_per_second"] = state.inputs_per_second;
      json["seconds_since_commit"] = seconds_since(state);
    } else {
      json["damage"] = state.damage;
    }
    text += json_text(json) + "\n";
  }
  return text;
}

// Of each set of shards those that no process has begun.
void tell_missing(const std::vector<RunState>& states, Messages& messages) {
  std::map<std::pair<std::filesystem::path, unsigned>, std::set<unsigned>> sets;
  for (const RunState& state : states) {
    if (state.shards > 1) sets[{state.output, state.shards}].insert(state.shard);
  }
  constexpr std::size_t kFew = 20;
  for (const auto& [set, there] : sets) {
    std::string missing;
    std::size_t count = 0;
    for (unsigned shard = 1; shard <= set.second; ++shard) {
      if (there.contains(shard) || ++count > kFew) continue;
      missing += (missing.empty() ? "" : ", ") + std::to_string(shard);
    }
    if (count == 0) continue;
    messages.note(set.first.filename().string() + ": no run of shard " + missing +
                  (count > kFew ? " and " + std::to_string(count - kFew) + " more" : "") + " of " +
                  std::to_string(set.second));
  }
}

void tell_sum(const std::vector<RunState>& states, Messages& messages) {
  RunState sum;
  std::size_t done = 0;
  for (const RunState& state : states) {
    if (!state.damage.empty()) messages.warning(state.damage);
    done += state.finished ? 1 : 0;
    sum.embedded += state.embedded;
    sum.failed += state.failed;
    if (!state.finished) sum.inputs_per_second += state.inputs_per_second;
  }
  messages.note(std::to_string(done) + " of " + std::to_string(states.size()) + " runs done, " +
                std::to_string(sum.embedded) + " rows, " + std::to_string(sum.failed) +
                " failed; the others make " + number(sum.inputs_per_second, "%.1f") + " inputs/s");
}

}  // namespace

int run_status(const StatusFlags& flags, Messages& messages) {
  const std::vector<RunState> states = run_states(flags.folder);
  Output output;
  output.write(flags.json ? json_lines_of(states) : table_of(states));
  output.flush();
  tell_missing(states, messages);
  tell_sum(states, messages);
  return kDone;
}

}  // namespace llm2clip::cli
