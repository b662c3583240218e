#include "llm2clip/run.h"

#include <array>
#include <condition_variable>
#include <deque>
#include <fstream>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "base/sha256.h"
#include "store/run/journal.h"
#include "store/run/run_folder.h"
#include "store/safetensors.h"
#include "support/catch.h"
#include "support/error.h"
#include "support/scratch.h"

namespace llm2clip {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::content_of;
using testing::error_of;
using testing::put;
using testing::Scratch;

RunOptions options(Existing existing = Existing::refuse) {
  RunOptions options;
  options.existing = existing;
  options.dim = 2;
  options.provenance = {{"model", "tiny"}, {"manifest_sha256", "00ff"}};
  options.commit_rows = 4;
  return options;
}

bool fails(std::uint64_t index) { return index % 7 == 3; }

// One run of several over the same list; `shard` from 1.
RunOptions share(unsigned shard, unsigned shards, Existing existing = Existing::refuse) {
  RunOptions share = options(existing);
  share.shard = shard;
  share.shards = shards;
  return share;
}

// `i` is the number in the list that all shards share.
void add_or_fail(Run& run, const RunInput& input, std::uint64_t i) {
  const std::array<float, 2> row = {static_cast<float>(i), 0.5f};
  if (fails(i)) {
    run.fail(input, {"read", "unreadable_input", "input " + std::to_string(i) + ": is bad"});
  } else {
    run.add(input, row);
    run.count("truncated", 1);
  }
  run.commit_if_due();
}

// What a command does with a list of the inputs `first` to `end`; every seventh fails. `changed` is
// one with another content.
constexpr std::uint64_t kNone = ~std::uint64_t{0};
void work(Run& run, std::uint64_t first, std::uint64_t end, std::uint64_t changed = kNone) {
  for (std::uint64_t i = first; i < end; ++i) {
    const auto input =
        run.take("input " + std::to_string(i), i == changed ? "other content" : "content");
    if (!input) continue;
    add_or_fail(run, *input, i);
  }
}

std::string undisturbed(const std::string& name, std::uint64_t inputs) {
  const Scratch scratch;
  Run run(scratch / name, options());
  work(run, 0, inputs);
  run.finish();
  return content_of(scratch / name);
}

TEST_CASE("inputs that do not fit the run are refused, and it goes on", "[store][run]") {
  const Scratch scratch;
  Run run(scratch / "x.npy", options());
  const auto refused = [&](auto&& call) {
    const Error error = error_of(call);
    CHECK(error.kind() == ErrorKind::invalid_argument);
    return std::string(error.what());
  };
  CHECK(refused([&] { run.count("truncated", 1); }).find("\"truncated\"") != std::string::npos);
  const std::array<float, 3> row = {1, 2, 3};
  const RunInput first = *run.take("a", "1");
  const RunInput second = *run.take("b", "2");
  CHECK(refused([&] { run.add(first, row); }) == "row: 3 values, the run's rows have 2");
  CHECK(refused([&] { run.add(first, {}); }) == "row: 0 values, the run's rows have 2");
  run.add(first, std::span(row).first(2));
  CHECK(refused([&] { run.add(first, std::span(row).first(2)); }).starts_with("input 0: "));
  run.add(second, std::span(row).first(2));
  CHECK(refused([&] { run.fail(first, {"read", "code", "why"}); }).starts_with("input 0: "));
  CHECK(run.finish().embedded == 2);
}

TEST_CASE("a run ends in the final file, its report, and the failed inputs", "[store][run]") {
  const Scratch scratch;
  Run run(scratch / "x.safetensors", options());
  work(run, 0, 10);
  const RunSummary summary = run.finish();
  CHECK(summary.inputs == 10);
  CHECK(summary.embedded == 9);
  CHECK(summary.failed == 1);
  CHECK(summary.failed_by_code.at("unreadable_input") == 1);
  CHECK(summary.counts.at("truncated") == 9);

  const EmbeddingsFile file = read_embeddings(scratch / "x.safetensors");
  REQUIRE(file.embeddings.rows() == 9);
  CHECK(file.ids[3] == "input 4");
  CHECK(file.embeddings[3][0] == 4.0f);
  CHECK(json::parse(content_of(scratch / "x.safetensors.errors.jsonl")) ==
        json{{"index", 3},
             {"id", "input 3"},
             {"stage", "read"},
             {"code", "unreadable_input"},
             {"message", "input 3: is bad"}});
  const json report = json::parse(content_of(scratch / "x.safetensors.run.json"));
  CHECK(report["summary"]["embedded"] == 9);
  CHECK(report["provenance"]["model"] == "tiny");
  CHECK(report["output"]["bytes"] == fs::file_size(scratch / "x.safetensors"));
  CHECK(scratch.files() == 3);
}

TEST_CASE("a run that stopped anywhere goes on to the same bytes", "[store][run]") {
  for (const char* name : {"x.npy", "x.safetensors", "x.jsonl", "x.csv"}) {
    const std::string expected = undisturbed(name, 23);
    for (std::uint64_t stop = 0; stop <= 23; ++stop) {
      INFO(name << " stopped before input " << stop);
      const Scratch scratch;
      {
        Run run(scratch / name, options());
        work(run, 0, stop);
      }
      CHECK_FALSE(fs::exists(scratch / name));
      Run run(scratch / name, options(Existing::resume));
      CHECK(run.summary().resumed == stop / 4 * 4);
      work(run, 0, 23);
      CHECK(run.finish().inputs == 23);
      CHECK(content_of(scratch / name) == expected);
      CHECK_FALSE(fs::exists(run.folder() / "journal"));
    }
  }
}

TEST_CASE("a finished run has nothing left to do, and is not replaced unasked", "[store][run]") {
  const Scratch scratch;
  undisturbed("x.npy", 1);
  {
    Run run(scratch / "x.npy", options());
    work(run, 0, 9);
    run.finish();
  }
  const Run again(scratch / "x.npy", options(Existing::resume));
  CHECK(again.complete());
  CHECK(again.summary().embedded == 8);
  const Error error = error_of([&] { Run run(scratch / "x.npy", options()); });
  CHECK(error.kind() == ErrorKind::io);
  CHECK(std::string(error.what()).ends_with("x.npy: exists; give another name, or overwrite it"));
  Run replaced(scratch / "x.npy", options(Existing::overwrite));
  work(replaced, 0, 2);
  CHECK(replaced.finish().embedded == 2);
}

TEST_CASE("another run's output is refused with the provenance that differ", "[store][run]") {
  const Scratch scratch;
  {
    Run run(scratch / "x.npy", options());
    work(run, 0, 5);
  }
  RunOptions other = options(Existing::resume);
  other.provenance[1].second = "11ee";
  const Error error = error_of([&] { Run run(scratch / "x.npy", other); });
  CHECK(error.kind() == ErrorKind::io);
  CHECK(std::string(error.what())
            .find("belongs to another run: manifest_sha256 is 00ff there and "
                  "11ee here") != std::string::npos);
  Run run(scratch / "x.npy", options(Existing::resume));
  work(run, 0, 5);
  run.finish();
  CHECK(error_of([&] { Run late(scratch / "x.npy", other); }).kind() == ErrorKind::io);
}

TEST_CASE("a reason that is put in other words does not make another run", "[store][run]") {
  const Scratch scratch;
  RunOptions first = options();
  first.computing.emplace_back("computed_in_reason", "as asked");
  {
    Run run(scratch / "x.npy", first);
    work(run, 0, 5);
  }
  RunOptions again = options(Existing::resume);
  again.computing.emplace_back("computed_in_reason", "as stored");
  Run run(scratch / "x.npy", again);
  work(run, 0, 5);
  run.finish();
  CHECK(Run(scratch / "x.npy", options(Existing::resume)).complete());
}

TEST_CASE("fewer inputs than an earlier process saw are refused", "[store][run]") {
  const Scratch scratch;
  {
    Run run(scratch / "x.npy", options());
    work(run, 0, 9);
  }
  Run run(scratch / "x.npy", options(Existing::resume));
  work(run, 0, 4);
  CHECK(error_of([&] { run.finish(); }).kind() == ErrorKind::io);
}

TEST_CASE("a folder has one writer", "[store][run]") {
  const Scratch scratch;
  const Run run(scratch / "x.npy", options());
  for (const Existing existing : {Existing::refuse, Existing::resume, Existing::overwrite}) {
    const Error error = error_of([&] { Run second(scratch / "x.npy", options(existing)); });
    CHECK(error.kind() == ErrorKind::io);
    CHECK(std::string(error.what()).find("is being written by process ") != std::string::npos);
  }
}

TEST_CASE("a damaged chunk is made anew, the others are kept", "[store][run]") {
  const std::string expected = undisturbed("x.npy", 23);
  for (const char* chunk : {"chunk-00000.safetensors", "chunk-00002.safetensors"}) {
    const Scratch scratch;
    fs::path folder;
    {
      Run run(scratch / "x.npy", options());
      folder = run.folder();
      work(run, 0, 20);
    }
    std::string bytes = content_of(folder / chunk);
    bytes[bytes.size() - 3] ^= 1;
    put(folder / chunk, bytes);
    put(folder / "stray.tmp", "half");
    Run run(scratch / "x.npy", options(Existing::resume));
    CHECK(run.summary().resumed == 16);
    CHECK_FALSE(fs::exists(folder / "stray.tmp"));
    work(run, 0, 23);
    run.finish();
    CHECK(content_of(scratch / "x.npy") == expected);
  }
}

TEST_CASE("a torn journal is cut to its last good line", "[store][run]") {
  const std::string expected = undisturbed("x.npy", 23);
  const Scratch scratch;
  fs::path folder;
  {
    Run run(scratch / "x.npy", options());
    folder = run.folder();
    work(run, 0, 20);
  }
  const std::string journal = content_of(folder / "journal");
  for (std::size_t size = 0; size <= journal.size(); size += 41) {
    const Scratch copy;
    fs::copy(folder, copy / "x.npy.run");
    put(copy / "x.npy.run/journal", journal.substr(0, size));
    Run run(copy / "x.npy", options(Existing::resume));
    work(run, 0, 23);
    run.finish();
    CHECK(content_of(copy / "x.npy") == expected);
  }
}

TEST_CASE("runs of shards are joined in the order of inputs", "[store][run]") {
  const std::string expected = undisturbed("x.jsonl", 23);
  for (const unsigned shards : {2u, 3u, 8u}) {
    const Scratch scratch;
    for (unsigned shard = 1; shard <= shards; ++shard) {
      if (shard == shards) {
        CHECK(error_of([&] { merge_runs(scratch / "x.jsonl"); }).kind() == ErrorKind::io);
      }
      Run run(scratch / "x.jsonl", share(shard, shards));
      work(run, 0, 23);
      run.finish();
      CHECK_FALSE(fs::exists(scratch / "x.jsonl"));
    }
    const RunSummary summary = merge_runs(scratch / "x.jsonl");
    CHECK(summary.inputs == 23);
    CHECK(content_of(scratch / "x.jsonl") == expected);
    CHECK(scratch.files() == 3);
  }
}

TEST_CASE("runs of different provenance or lists are not joined", "[store][run]") {
  for (const bool provenance : {true, false}) {
    const Scratch scratch;
    for (unsigned shard = 1; shard <= 2; ++shard) {
      RunOptions options = share(shard, 2);
      if (provenance && shard == 2) options.provenance[0].second = "other";
      Run run(scratch / "x.npy", options);
      work(run, 0, provenance || shard == 1 ? 23 : 15);
      run.finish();
    }
    const Error error = error_of([&] { merge_runs(scratch / "x.npy"); });
    CHECK(error.kind() == ErrorKind::io);
    const char* const words =
        provenance ? "model is other there and tiny here" : "was made of another list";
    CHECK(std::string(error.what()).find(words) != std::string::npos);
  }
}

std::string message_of(const std::function<void()>& call) {
  const Error error = error_of(call);
  CHECK(error.kind() == ErrorKind::io);
  return error.what();
}

bool holds(const std::string& text, const std::string& chunk) {
  INFO(text);
  CHECK(text.find(chunk) != std::string::npos);
  return text.find(chunk) != std::string::npos;
}

// The final file of a run over the list with one input changed, done without a stop.
std::string undisturbed_with(std::uint64_t changed, std::uint64_t inputs) {
  const Scratch scratch;
  Run run(scratch / "x.safetensors", options());
  for (std::uint64_t i = 0; i < inputs; ++i) {
    const auto input = run.take("input " + std::to_string(i), "content");
    if (i == changed) {
      run.add(*input, std::array<float, 2>{-1.0f, -1.0f});
      run.commit_if_due();
    } else {
      add_or_fail(run, *input, i);
    }
  }
  run.finish();
  return content_of(scratch / "x.safetensors");
}

TEST_CASE("what changed between two processes is made anew with the rest of its chunk",
          "[store][run]") {
  for (const std::uint64_t changed : {0u, 3u, 5u, 8u, 15u}) {  // 3 had failed
    INFO("changed " << changed);
    const Scratch scratch;
    {
      Run run(scratch / "x.safetensors", options());
      work(run, 0, 17);
    }
    Run run(scratch / "x.safetensors", options(Existing::resume));
    std::vector<std::uint64_t> again;
    for (std::uint64_t i = 0; i < 23; ++i) {
      const auto input = run.take("input " + std::to_string(i), i == changed ? "new" : "content");
      if (!input) continue;
      CHECK(input->index == i);
      if (i < 16) again.push_back(i);
      if (i == changed) {
        run.add(*input, std::array<float, 2>{-1.0f, -1.0f});
        run.commit_if_due();
      } else {
        add_or_fail(run, *input, i);
      }
    }
    std::vector<std::uint64_t> expected;
    for (std::uint64_t i = changed; i < (changed / 4 + 1) * 4; ++i) expected.push_back(i);
    CHECK(again == expected);
    const std::vector<std::string> notes = run.notes();
    REQUIRE(notes.size() == 1);
    holds(notes[0], "input " + std::to_string(changed) + ", 'input " + std::to_string(changed) +
                        "', is not what it was; input");
    CHECK(run.notes().empty());
    const RunSummary summary = run.finish();
    CHECK(summary.redone == expected.size());
    CHECK(summary.resumed == 16 - expected.size());
    CHECK(summary.inputs == 23);
    CHECK(content_of(scratch / "x.safetensors") == undisturbed_with(changed, 23));
  }
}

TEST_CASE("what is made anew survives a process that is stopped on the way", "[store][run]") {
  for (std::uint64_t stop = 1; stop < 23; ++stop) {
    const Scratch scratch;
    const auto path = scratch / "x.safetensors";
    {
      Run run(path, options());
      work(run, 0, 17);
    }
    const auto go_on = [&](Run& run, std::uint64_t end) {
      for (std::uint64_t i = 0; i < end; ++i) {
        const auto input = run.take("input " + std::to_string(i), i == 5 ? "new" : "content");
        if (!input) continue;
        if (i == 5) {
          run.add(*input, std::array<float, 2>{-1.0f, -1.0f});
        } else {
          add_or_fail(run, *input, i);
        }
      }
    };
    {
      Run run(path, options(Existing::resume));
      go_on(run, stop);
      run.commit();
    }
    Run run(path, options(Existing::resume));
    go_on(run, 23);
    const RunSummary summary = run.finish();
    CHECK(summary.inputs == 23);
    CHECK(content_of(path) == undisturbed_with(5, 23));
    CHECK(summary.counts.at("truncated") == 19);  // of input 5 nothing was counted
  }
}

TEST_CASE("a list in another order or with one more in the middle is followed", "[store][run]") {
  const Scratch scratch;
  {
    Run run(scratch / "x.jsonl", options());
    work(run, 0, 9);
  }
  Run run(scratch / "x.jsonl", options(Existing::resume));
  const std::vector<int> list = {0, 1, 2, 8, 3, 4, 5, 6, 7, 9};
  for (const int i : list) {
    const auto input = run.take("input " + std::to_string(i), "content");
    if (input) run.add(*input, std::array<float, 2>{static_cast<float>(i), 0.5f});
  }
  CHECK(run.finish().embedded == 10);
  std::string expected;
  for (const int i : list) {
    expected += "{\"id\":\"input " + std::to_string(i) + "\",\"embedding\":[" + std::to_string(i) +
                ",0.5]}\n";
  }
  CHECK(content_of(scratch / "x.jsonl") == expected);
}

TEST_CASE("a finished file is resumed with the inputs that it was made of alone", "[store][run]") {
  for (const std::uint64_t inputs : {9u, 1000u}) {  // a digest for each, and for several
    const Scratch scratch;
    const auto path = scratch / "x.npy";
    {
      Run run(path, options());
      work(run, 0, inputs);
      run.finish();
    }
    const std::string before = content_of(path);
    const auto again = [&](std::uint64_t first, std::uint64_t end, std::uint64_t changed = kNone) {
      Run run(path, options(Existing::resume));
      REQUIRE(run.complete());
      work(run, first, end, changed);
      return run.finish();
    };
    CHECK(again(0, inputs).resumed == inputs);
    holds(message_of([&] { again(0, inputs, 5); }),
          "is finished and was made of other inputs: input");
    holds(message_of([&] { again(1, inputs); }), "'input");
    holds(message_of([&] { again(0, inputs - 1); }), "was made of " + std::to_string(inputs) +
                                                         " inputs, and there are " +
                                                         std::to_string(inputs - 1));
    holds(message_of([&] { again(0, 0); }), "and there are 0 now");
    holds(message_of([&] { again(0, inputs + 1); }), "has more than the " + std::to_string(inputs));
    if (inputs == 9) holds(message_of([&] { again(0, 9, 5); }), "input 5, 'input 5', is not what");
    CHECK(content_of(path) == before);
    put(path, before + "x");
    holds(message_of([&] { again(0, inputs); }), "it was changed or damaged");
  }
}

TEST_CASE("the time of a file is its own, and no chunk of the list", "[store][run]") {
  const Scratch scratch;
  const auto work_at = [&](unsigned shard, const std::string& time, Existing existing) {
    Run run(scratch / "x.npy", share(shard, 2, existing));
    for (std::uint64_t i = 0; i < 6; ++i) {
      const auto input = run.take("input " + std::to_string(i), "size", time);
      if (input) add_or_fail(run, *input, i);
    }
    return run.finish();
  };
  work_at(1, "1970", Existing::refuse);
  CHECK(work_at(1, "1970", Existing::resume).redone == 0);
  CHECK(work_at(1, "1971", Existing::resume).redone == 3);
  work_at(2, "2026", Existing::refuse);
  CHECK(merge_runs(scratch / "x.npy").inputs == 6);
}

TEST_CASE("a finished shard that is resumed stays as it is", "[store][run]") {
  const Scratch scratch;
  fs::path folder;
  const auto run_shard = [&](Existing existing) {
    Run run(scratch / "x.npy", share(1, 2, existing));
    folder = run.folder();
    work(run, 0, 23);
    return run.finish();
  };
  run_shard(Existing::refuse);
  const std::string journal = content_of(folder / "journal");
  for (int i = 0; i < 2; ++i) {
    const RunSummary summary = run_shard(Existing::resume);
    CHECK(summary.resumed == 12);
    CHECK(content_of(folder / "journal") == journal);
  }
}

TEST_CASE("a finished shard follows its list", "[store][run]") {
  const Scratch scratch;
  const auto run_shard = [&](unsigned shard, std::uint64_t end, std::uint64_t changed,
                             Existing existing) {
    Run run(scratch / "x.npy", share(shard, 2, existing));
    work(run, 0, end, changed);
    return run.finish();
  };
  run_shard(1, 23, kNone, Existing::refuse);
  run_shard(2, 25, 11, Existing::refuse);
  holds(message_of([&] { merge_runs(scratch / "x.npy"); }),
        "was made of another list than x.npy.shard-1-of-2.run, of 25 inputs");
  run_shard(1, 25, kNone, Existing::resume);  // longer now, and an input of the other is another
  holds(message_of([&] { merge_runs(scratch / "x.npy"); }), "of the same length with other ids");
  CHECK(run_shard(1, 25, 11, Existing::resume).redone == 0);
  holds(message_of([&] { run_shard(2, 23, 11, Existing::resume); }),
        "its chunks hold 12 inputs, and the list has only 11 now");
  CHECK(run_shard(2, 25, 11, Existing::resume).resumed == 12);
  CHECK(merge_runs(scratch / "x.npy").inputs == 25);
}

TEST_CASE("shards of one list in another order, or of other contents, are not joined",
          "[store][run]") {
  for (const bool order : {true, false}) {
    const Scratch scratch;
    for (unsigned shard = 1; shard <= 2; ++shard) {
      Run run(scratch / "x.npy", share(shard, 2));
      for (std::uint64_t i = 0; i < 8; ++i) {
        const std::uint64_t id = order && shard == 2 ? 7 - i : i;
        const auto input = run.take("input " + std::to_string(id),
                                    !order && shard == 2 && i == 0 ? "other" : "content");
        if (input) add_or_fail(run, *input, i);
      }
      run.finish();
    }
    holds(message_of([&] { merge_runs(scratch / "x.npy"); }), "was made of another list");
    CHECK_FALSE(fs::exists(scratch / "x.npy"));
  }
}

TEST_CASE("a damaged chunk of a finished shard is made anew and then joined", "[store][run]") {
  const std::string expected = undisturbed("x.jsonl", 23);
  for (const char* damage : {"bit", "missing", "swapped", "journal"}) {
    INFO(damage);
    const Scratch scratch;
    for (unsigned shard = 1; shard <= 2; ++shard) {
      Run run(scratch / "x.jsonl", share(shard, 2));
      work(run, 0, 23);
      run.finish();
    }
    const fs::path folder = scratch / "x.jsonl.shard-2-of-2.run";
    const fs::path chunk = folder / "chunk-00001.safetensors";
    std::string bytes = content_of(chunk);
    if (std::string(damage) == "bit") {
      bytes[bytes.size() / 2] ^= 4;
      put(chunk, bytes);
    } else if (std::string(damage) == "missing") {
      fs::remove(chunk);
    } else if (std::string(damage) == "swapped") {
      fs::copy_file(scratch / "x.jsonl.shard-1-of-2.run/chunk-00001.safetensors", chunk,
                    fs::copy_options::overwrite_existing);
    } else {
      std::string journal = content_of(folder / "journal");
      journal[journal.find('\n') + 20] ^= 1;  // in the second line
      put(folder / "journal", journal);
    }
    const std::string message = message_of([&] { merge_runs(scratch / "x.jsonl"); });
    holds(message, "resume shard 2/2");
    CHECK_FALSE(fs::exists(scratch / "x.jsonl"));
    for (int i = 0; i < 2; ++i) {  // the second time nothing is left to do
      Run run(scratch / "x.jsonl", share(2, 2, Existing::resume));
      work(run, 0, 23);
      CHECK(run.finish().inputs == 11);
    }
    CHECK(merge_runs(scratch / "x.jsonl").inputs == 23);
    CHECK(content_of(scratch / "x.jsonl") == expected);
    CHECK(scratch.files() == 3);
  }
}

// Two finished shards.
void make_shards(const Scratch& scratch, const std::string& name = "x.npy", unsigned shards = 2) {
  for (unsigned shard = 1; shard <= shards; ++shard) {
    Run run(scratch / name, share(shard, shards));
    work(run, 0, 9);
    run.finish();
  }
}

TEST_CASE("provenance that no run has are refused before anything is read by them",
          "[store][run]") {
  const Scratch scratch;
  make_shards(scratch);
  const fs::path path = scratch / "x.npy.shard-1-of-2.run/run.json";
  const json good = json::parse(content_of(path));
  const auto refused = [&](const std::string& text) {
    put(path, text);
    INFO(text);
    const std::string merged = message_of([&] { merge_runs(scratch / "x.npy"); });
    const std::string resumed =
        message_of([&] { Run run(scratch / "x.npy", share(1, 2, Existing::resume)); });
    CHECK_FALSE(fs::exists(scratch / "x.npy"));
    return merged + resumed;
  };
  for (const char* name : {"run.dim", "run.shard", "run.shards", "run.precision"}) {
    for (const json& value :
         {json("0"), json("-1"), json("9223372036854775808"), json("18446744073709551616"),
          json("x"), json("64"), json(""), json(" 2"), json("2 "), json("2.0"), json("0x2"),
          json(2), json(nullptr), json({"2"}), json("99999999999999999999999")}) {
      json wrong = good;
      wrong[name] = value;
      if (wrong == good) continue;
      CHECK_FALSE(refused(wrong.dump()).empty());
    }
    json missing = good;
    missing.erase(name);
    refused(missing.dump());
  }
  const std::string text = good.dump();
  refused("");
  refused("{}");
  refused("[]");
  refused("\"x\"");
  refused(text.substr(0, text.size() / 2));
  refused(std::string(100000, '['));
  refused(text.substr(0, text.size() - 1) + R"(,"run.dim":"2"})");
  json old = good;
  old.erase("run.format");
  holds(refused(old.dump()), "is of format 1, this version of llm2clip reads format 3");
  old["run.format"] = "2";
  holds(refused(old.dump()), "is of format 2");
  put(path, good.dump());
  CHECK(merge_runs(scratch / "x.npy").inputs == 9);
}

TEST_CASE("a chunk that holds something else than its record says is refused", "[store][run]") {
  const Scratch scratch;
  make_shards(scratch);
  const fs::path folder = scratch / "x.npy.shard-1-of-2.run";
  const fs::path chunk = folder / "chunk-00000.safetensors";
  const JournalContent journal = parse_journal(content_of(folder / "journal"));
  const std::string good = content_of(chunk);
  const auto refused = [&](const std::string& bytes,
                           const std::function<void(ChunkRecord&)>& change) {
    put(chunk, bytes);
    fs::remove(folder / "journal");
    Journal written(folder / "journal", {});
    for (ChunkRecord record : journal.chunks) {
      if (record.file == "chunk-00000.safetensors") {
        record.bytes = bytes.size();
        record.sha256 = sha256_of(bytes);
        change(record);
      }
      written.append(record);
    }
    written.append_finished(*journal.finished);
    message_of([&] { merge_runs(scratch / "x.npy"); });
    CHECK_FALSE(fs::exists(scratch / "x.npy"));
  };
  const auto replaced = [&](const std::string& from, const std::string& to) {
    std::string bytes = good;
    REQUIRE(bytes.find(from) != std::string::npos);
    return bytes.replace(bytes.find(from), from.size(), to);
  };
  const auto nothing = [](ChunkRecord&) {};
  refused("", [](ChunkRecord& record) { record.outcomes_at = 0; });
  refused(good.substr(0, good.size() - 1), nothing);
  refused(replaced("\"F32\"", "\"I32\""), nothing);
  refused(replaced("[4,2]", "[2,4]"), nothing);
  refused(replaced("[4,2]", "[8,1]"), nothing);
  refused(good.substr(0, good.size() - 1) + "-", nothing);  // the outcome of the last input
  refused(good, [](ChunkRecord& record) { record.end += 1; });
  refused(good, [](ChunkRecord& record) { record.rows = 3; });
  refused(good, [](ChunkRecord& record) { record.rows = 1; });
  refused(good, [](ChunkRecord& record) { record.outcomes_at -= 1; });
  refused(good, [](ChunkRecord& record) {
    record.first = 1000;
    record.end = 1004;
  });
  refused(good, [](ChunkRecord& record) {
    record.first = 0;
    record.end = ~std::uint64_t{0};
  });
}

TEST_CASE("a journal that ends with another list than its chunks hold is refused", "[store][run]") {
  for (const RunEnd& end :
       {RunEnd{5, ~std::uint64_t{0}, std::string(64, 'a')}, RunEnd{4, 9, std::string(64, 'a')},
        RunEnd{6, 9, std::string(64, 'a')}, RunEnd{0, 0, std::string(64, 'a')}}) {
    const Scratch scratch;
    make_shards(scratch);
    for (unsigned shard = 1; shard <= 2; ++shard) {
      const fs::path path = run_folder_path(scratch / "x.npy", shard, 2) / "journal";
      Journal(path, parse_journal(content_of(path))).append_finished(end);
    }
    message_of([&] { merge_runs(scratch / "x.npy"); });
    CHECK_FALSE(fs::exists(scratch / "x.npy"));
  }
}

TEST_CASE("names that are none of a shard are told, and never followed", "[store][run]") {
  for (const char* name :
       {"shard-0-of-2", "shard-3-of-2", "shard-01-of-2", "shard-1-of-02", "shard-1-of-2-copy",
        "shard-1-of-0", "shard-1-of-1", "shard-1-of-", "shard--1-of-2", "shard-1-of-2.bak",
        "shard-99999999999-of-99999999999", "shard-"}) {
    INFO(name);
    const Scratch scratch;
    make_shards(scratch);
    fs::create_directory(scratch / ("x.npy." + std::string(name) + ".run"));
    const std::string message = message_of([&] { merge_runs(scratch / "x.npy"); });
    holds(message, std::string(name) + ".run: is no name of a shard");
    const RunSummary summary = merge_runs(scratch / "x.npy", {scratch / "x.npy.shard-1-of-2.run",
                                                              scratch / "x.npy.shard-2-of-2.run"});
    CHECK(summary.inputs == 9);
  }
}

TEST_CASE("shards of two sets side by side are told apart by nobody but their owner",
          "[store][run]") {
  const Scratch scratch;
  make_shards(scratch, "x.npy", 3);
  make_shards(scratch, "x.npy", 2);
  holds(message_of([&] { merge_runs(scratch / "x.npy"); }),
        "several sets stand beside it, 2 of 2 and 3 of 3");
  fs::remove_all(scratch / "x.npy.shard-2-of-3.run");
  holds(message_of([&] { merge_runs(scratch / "x.npy"); }), "2 of 2 and 2 of 3");
  const std::vector<fs::path> two = {scratch / "x.npy.shard-2-of-2.run",
                                     scratch / "x.npy.shard-1-of-2.run"};
  CHECK(merge_runs(scratch / "x.npy", two).inputs == 9);
  holds(message_of([&] { merge_runs(scratch / "x.npy", {}, /*overwrite=*/true); }),
        "and shard 2 is missing");
}

TEST_CASE("folders that are named are shards of one run, each once", "[store][run]") {
  const Scratch scratch;
  make_shards(scratch);
  make_shards(scratch, "y.npy", 3);
  const fs::path first = scratch / "x.npy.shard-1-of-2.run";
  const auto merge = [&](const std::vector<fs::path>& folders) {
    return message_of([&] { merge_runs(scratch / "x.npy", folders); });
  };
  fs::create_directory_symlink(first, scratch / "link");
  fs::copy(first, scratch / "copy", fs::copy_options::recursive);
  fs::create_directory(scratch / "empty");
  put(scratch / "file", "");
  holds(merge({first}), "and shard 2 is missing");
  holds(merge({first, first}), "is the folder of another shard, too");
  holds(merge({first, scratch / "link"}), "is the folder of another shard, too");
  holds(merge({first, scratch / "copy"}), "is shard 1/2, as is");
  holds(merge({first, scratch / "y.npy.shard-2-of-3.run"}), "run.shards is 3 there and 2 here");
  holds(merge({first, scratch / "empty"}), "is not the folder of a run");
  CHECK(fs::is_empty(scratch / "empty"));
  holds(merge({first, scratch / "file"}), "no such run");
  holds(merge({first, scratch / "nowhere"}), "no such run");
  CHECK_FALSE(fs::exists(scratch / "x.npy"));
}

TEST_CASE("a link to the folder of a shard goes with it", "[store][run]") {
  const Scratch scratch;
  make_shards(scratch);
  fs::create_directory(scratch / "elsewhere");
  const fs::path link = scratch / "x.npy.shard-1-of-2.run";
  fs::rename(link, scratch / "elsewhere/run");
  fs::create_directory_symlink(scratch / "elsewhere/run", link);
  CHECK(merge_runs(scratch / "x.npy").inputs == 9);
  CHECK_FALSE(fs::is_symlink(link));
  CHECK(fs::is_empty(scratch / "elsewhere"));
}

TEST_CASE("there may be more shards than inputs", "[store][run]") {
  for (const std::uint64_t inputs : {0u, 1u, 3u}) {
    const Scratch scratch;
    for (const Existing existing : {Existing::refuse, Existing::resume}) {
      for (unsigned shard = 1; shard <= 3; ++shard) {
        Run run(scratch / "x.npy", share(shard, 3, existing));
        work(run, 0, inputs);
        CHECK(run.finish().inputs == (shard <= inputs ? 1 : 0));
      }
    }
    CHECK(merge_runs(scratch / "x.npy").inputs == inputs);
  }
}

TEST_CASE("shards that are being written are not joined", "[store][run]") {
  const Scratch scratch;
  make_shards(scratch);
  const Run run(scratch / "x.npy", share(2, 2, Existing::resume));
  holds(message_of([&] { merge_runs(scratch / "x.npy"); }), "is being written by process");
}

TEST_CASE("a merge that was stopped while it removed the shards is finished", "[store][run]") {
  for (const bool overwrite : {false, true}) {
    const Scratch scratch;
    make_shards(scratch);
    const Scratch kept;
    for (const char* shard : {"x.npy.shard-1-of-2.run", "x.npy.shard-2-of-2.run"}) {
      fs::copy(scratch / shard, kept / shard, fs::copy_options::recursive);
    }
    merge_runs(scratch / "x.npy");
    const std::string joined = content_of(scratch / "x.npy");
    holds(message_of([&] { merge_runs(scratch / "x.npy"); }), "exists; give another name");
    const auto put_back = [&](const std::string& shard) {
      fs::copy(kept / shard, scratch / shard, fs::copy_options::recursive);
    };
    // Nothing was removed, the first was, and of the second only its last files are left.
    put_back("x.npy.shard-1-of-2.run");
    put_back("x.npy.shard-2-of-2.run");
    CHECK(merge_runs(scratch / "x.npy", {}, overwrite).inputs == 9);
    CHECK(scratch.files() == 5);
    for (const std::vector<std::string>& gone :
         {std::vector<std::string>{},
          {"chunk-00000.safetensors", "chunk-00001.safetensors"},
          {"chunk-00000.safetensors", "chunk-00001.safetensors", "run.json"},
          {"chunk-00000.safetensors", "chunk-00001.safetensors", "run.json", "journal"}}) {
      put_back("x.npy.shard-2-of-2.run");
      for (const std::string& name : gone) fs::remove(scratch / ("x.npy.shard-2-of-2.run/" + name));
      CHECK(merge_runs(scratch / "x.npy", {}, overwrite).embedded == 8);
      CHECK(scratch.files() == 5);
      CHECK(content_of(scratch / "x.npy") == joined);
    }
    // Of another list: not what is left of this one.
    Run other(scratch / "x.npy", share(2, 2));
    work(other, 0, 10);
    other.finish();
    message_of([&] { merge_runs(scratch / "x.npy", {}, overwrite); });
    CHECK(fs::exists(scratch / "x.npy.shard-2-of-2.run/journal"));
  }
}

// The ids of the rows, and the positions of the failed inputs, of the file of a shard.
std::vector<std::string> ids_and_failures(const fs::path& path) {
  std::vector<std::string> found;
  std::istringstream ids(content_of(fs::path(path) += ".ids.jsonl"));
  for (std::string line; std::getline(ids, line);) found.push_back(json::parse(line)["id"]);
  if (!fs::exists(fs::path(path) += ".errors.jsonl")) return found;
  std::istringstream errors(content_of(fs::path(path) += ".errors.jsonl"));
  for (std::string line; std::getline(errors, line);) {
    const json error = json::parse(line);
    CHECK(error["id"] == "input " + error["index"].dump());
    found.push_back("failed " + error["index"].dump());
  }
  return found;
}

TEST_CASE("a merge to chunks leaves a file of each shard", "[store][run]") {
  const Scratch scratch;
  make_shards(scratch);
  const RunSummary summary = merge_runs_to_chunks(scratch / "x.npy");
  const fs::path first = scratch / "x-00001-of-00002.npy";
  const fs::path second = scratch / "x-00002-of-00002.npy";
  CHECK(summary.files == std::vector<fs::path>{first, second});
  CHECK((summary.inputs == 9 && summary.embedded == 8 && summary.failed == 1));
  CHECK(summary.failed_by_code.at("unreadable_input") == 1);
  CHECK(summary.counts.at("truncated") == 8);
  using Ids = std::vector<std::string>;
  CHECK(ids_and_failures(first) == Ids{"input 0", "input 2", "input 4", "input 6", "input 8"});
  CHECK(ids_and_failures(second) == Ids{"input 1", "input 5", "input 7", "failed 3"});
  const json report = json::parse(content_of(fs::path(second) += ".run.json"));
  CHECK(report["provenance"]["run.shard"] == "2");
  CHECK(report["summary"]["inputs"] == 4);
  CHECK_FALSE(fs::exists(scratch / "x.npy"));
  CHECK(scratch.files() == 9);
  holds(message_of([&] { merge_runs_to_chunks(scratch / "x.npy"); }), "no runs of shards stand");
}

TEST_CASE("a merge to chunks goes on from where one was stopped", "[store][run]") {
  const Scratch scratch;
  const Scratch kept;
  make_shards(scratch, "x.npy", 3);
  const auto folder = [](unsigned shard) {
    return "x.npy.shard-" + std::to_string(shard) + "-of-3.run";
  };
  for (unsigned shard = 1; shard <= 3; ++shard) {
    fs::copy(scratch / folder(shard), kept / folder(shard), fs::copy_options::recursive);
  }
  const auto put_back = [&](unsigned shard) {
    fs::copy(kept / folder(shard), scratch / folder(shard), fs::copy_options::recursive);
  };
  merge_runs_to_chunks(scratch / "x.npy");
  const std::size_t files = scratch.files();
  const std::string second = content_of(scratch / "x-00002-of-00003.npy");
  SECTION("the second was not written, the third not begun") {
    put_back(2);
    put_back(3);
    fs::remove(scratch / "x-00002-of-00003.npy");
    fs::remove(scratch / "x-00003-of-00003.npy");
    CHECK(merge_runs_to_chunks(scratch / "x.npy").inputs == 9);
  }
  SECTION("the second was written, and its folder was not removed, or in part") {
    for (const std::vector<std::string>& gone :
         {std::vector<std::string>{}, {"run.json"}, {"run.json", "journal"}}) {
      put_back(2);
      fs::remove(scratch / folder(2) / "chunk-00000.safetensors");
      for (const std::string& name : gone) fs::remove(scratch / folder(2) / name);
      CHECK(merge_runs_to_chunks(scratch / "x.npy").inputs == 9);
    }
  }
  SECTION("the second is another file, and is overwritten when that is asked for") {
    put_back(2);
    put(scratch / "x-00002-of-00003.npy", "other");
    holds(message_of([&] { merge_runs_to_chunks(scratch / "x.npy"); }), "exists; give another");
    CHECK(content_of(scratch / "x-00002-of-00003.npy") == "other");
    CHECK(merge_runs_to_chunks(scratch / "x.npy", {}, /*overwrite=*/true).inputs == 9);
  }
  CHECK(scratch.files() == files);
  CHECK(content_of(scratch / "x-00002-of-00003.npy") == second);
}

TEST_CASE("a merge to chunks writes nothing unless all shards are there, of one list",
          "[store][run]") {
  const Scratch scratch;
  make_shards(scratch, "x.npy", 3);
  const auto message = [&] { return message_of([&] { merge_runs_to_chunks(scratch / "x.npy"); }); };
  fs::rename(scratch / "x.npy.shard-2-of-3.run", scratch / "away");
  holds(message(), "nor is the folder of shard 2/3");
  CHECK_FALSE(fs::exists(scratch / "x-00001-of-00003.npy"));
  {
    Run other(scratch / "x.npy", share(2, 3));
    work(other, 0, 10);
    other.finish();
  }
  holds(message(), "was made of another list");
  // The same where the others are files already.
  fs::rename(scratch / "x.npy.shard-2-of-3.run", scratch / "other");
  fs::rename(scratch / "away", scratch / "x.npy.shard-2-of-3.run");
  merge_runs_to_chunks(scratch / "x.npy");
  fs::rename(scratch / "other", scratch / "x.npy.shard-2-of-3.run");
  fs::remove(scratch / "x-00002-of-00003.npy");
  holds(message(), "was made of another list");
  CHECK_FALSE(fs::exists(scratch / "x-00002-of-00003.npy"));
}

TEST_CASE("rows may be computed otherwise when a run goes on, and the file says so",
          "[store][run]") {
  const Scratch scratch;
  RunOptions low = options();
  low.computing = {{"optimized", "in_place"}};
  {
    Run run(scratch / "x.safetensors", low);
    work(run, 0, 9);
  }
  RunOptions high = options(Existing::resume);
  high.computing = {{"optimized", "prepacked"}};
  const auto recorded = Run::recorded(scratch / "x.safetensors", high);
  CHECK(recorded.back() == std::pair<std::string, std::string>("optimized", "in_place"));
  for (int i = 0; i < 2; ++i) {
    Run run(scratch / "x.safetensors", high);
    work(run, 0, 10 + static_cast<std::uint64_t>(i));
    const std::vector<std::string> notes = run.notes();
    REQUIRE(notes.size() == (i == 0 ? 1 : 0));
    if (i == 0) holds(notes[0], "optimized is in_place, prepacked");
    if (i == 1) run.finish();
  }
  const EmbeddingsFile file = read_embeddings(scratch / "x.safetensors");
  bool named = false;
  for (const auto& [name, value] : file.provenance)
    named = named || (name == "optimized" && value == "in_place, prepacked");
  CHECK(named);
  Run again(scratch / "x.safetensors", high);
  work(again, 0, 11);
  CHECK(again.finish().embedded == 9);
}

TEST_CASE("a run that only compares its inputs says nothing of how it would compute rows",
          "[store][run]") {
  const Scratch scratch;
  RunOptions low = share(1, 2);
  low.computing = {{"optimized", "in_place"}};
  RunOptions high = low;
  high.existing = Existing::resume;
  high.computing = {{"optimized", "prepacked"}};
  const auto recorded = [&] { return Run::recorded(scratch / "x.npy", high).back().second; };
  SECTION("because all is done") {
    {
      Run first(scratch / "x.npy", low);
      work(first, 0, 9);
      first.finish();
    }
    Run again(scratch / "x.npy", high);
    work(again, 0, 9);
    CHECK(again.notes().empty());
    again.finish();
    CHECK(recorded() == "in_place");
  }
  SECTION("because nothing is done yet") {
    {
      Run first(scratch / "x.npy", low);
      work(first, 0, 9);
    }
    fs::remove(scratch / "x.npy.shard-1-of-2.run/journal");
    Run again(scratch / "x.npy", high);
    work(again, 0, 9);
    CHECK(again.notes().empty());
    CHECK(recorded() == "prepacked");
  }
}

TEST_CASE("a folder of somebody else with the name of a run is left alone", "[store][run]") {
  for (const Existing existing : {Existing::refuse, Existing::resume, Existing::overwrite}) {
    const Scratch scratch;
    fs::create_directory(scratch / "x.npy.run");
    std::ofstream(scratch / "x.npy.run/notes.txt") << "mine";
    const Error error = error_of([&] { Run run(scratch / "x.npy", options(existing)); });
    CHECK(error.kind() == ErrorKind::io);
    CHECK(content_of(scratch / "x.npy.run/notes.txt") == "mine");
  }
}

TEST_CASE("ids of more than a header holds are written and read", "[store][run]") {
  const std::string tail(1'000'000, 'x');
  for (const char* name : {"x.safetensors", "x.npy"}) {
    const Scratch scratch;
    RunOptions large = options();
    large.commit_rows = 4096;
    Run run(scratch / name, large);
    for (std::uint64_t i = 0; i < 101; ++i) {
      const auto input = run.take(std::to_string(i) + "\"\n" + tail, "content");
      if (i == 7) {
        run.fail(*input, {"read", "unreadable_input", tail});
      } else {
        run.add(*input, std::array<float, 2>{static_cast<float>(i), 0.5f});
      }
      if (i < 100) continue;
      run.commit_if_due();
      CHECK(run.summary().embedded == 100);
    }
    CHECK(run.finish().inputs == 101);
    if (std::string(name) == "x.npy") {
      CHECK(fs::file_size(scratch / "x.npy.ids.jsonl") > 100'000'000);
      continue;
    }
    const EmbeddingsFile file = read_embeddings(scratch / name);
    REQUIRE(file.ids.size() == 100);
    CHECK(file.ids[99] == "100\"\n" + tail);
    CHECK(file.embeddings[99][0] == 100.0f);
  }
}

TEST_CASE("a chunk ends where ids and messages get long", "[store][run]") {
  const Scratch scratch;
  Run run(scratch / "x.npy", options());
  for (std::uint64_t i = 0; i < 3; ++i) {
    const auto input = run.take(std::to_string(i) + std::string(20'000'000, 'x'), "content");
    run.add(*input, std::array<float, 2>{1.0f, 0.5f});
    run.commit_if_due();
  }
  CHECK(parse_journal(content_of(run.folder() / "journal")).chunks.size() == 1);
}

TEST_CASE("a run that was stopped before its first chunk keeps the first reason", "[store][run]") {
  const Scratch scratch;
  RunOptions first = options();
  first.computing = {{"computed_in_reason", "as stored"}, {"optimized", "prepacked"}};
  RunOptions second = options(Existing::resume);
  second.computing = {{"computed_in_reason", "as asked"}, {"optimized", "prepacked"}};
  {
    Run run(scratch / "x.npy", first);
    run.take("a", "a");
    fs::copy(run.folder(), scratch / "killed");
  }
  fs::rename(scratch / "killed", scratch / "x.npy.run");
  {
    Run run(scratch / "x.npy", second);
    run.add(*run.take("a", "a"), std::array<float, 2>{1.0f, 0.5f});
    run.commit();
  }
  const auto recorded = Run::recorded(scratch / "x.npy", second);
  CHECK(std::find(recorded.begin(), recorded.end(),
                  std::pair<std::string, std::string>("computed_in_reason", "as stored")) !=
        recorded.end());
}

TEST_CASE("provenance that a run could not compare is refused at once", "[store][run]") {
  const Scratch scratch;
  for (const auto& provenance :
       {RunProvenance{{"a", "1"}, {"a", "2"}}, RunProvenance{{"run.dim", "2"}},
        RunProvenance{{"a", "\xff"}}, RunProvenance{{"\xff", "a"}},
        RunProvenance{{"computing.a", "1"}}, RunProvenance{{"optimized", "none"}}}) {
    RunOptions wrong = options();
    wrong.provenance = provenance;
    wrong.computing = {{"optimized", "none"}};
    CHECK(error_of([&] { Run run(scratch / "x.npy", wrong); }).kind() ==
          ErrorKind::invalid_argument);
  }
  RunOptions wrong = options();
  wrong.dim = 0;
  CHECK(error_of([&] { Run run(scratch / "x.npy", wrong); }).kind() == ErrorKind::invalid_argument);
  CHECK(scratch.files() == 0);
}

TEST_CASE("a report that says nothing sound is refused", "[store][run]") {
  const Scratch scratch;
  {
    Run run(scratch / "x.npy", options());
    work(run, 0, 9);
    run.finish();
  }
  const fs::path path = scratch / "x.npy.run.json";
  const json good = json::parse(content_of(path));
  const auto refused = [&](const json& wrong) {
    put(path, wrong.dump());
    INFO(wrong.dump());
    return message_of([&] { Run run(scratch / "x.npy", options(Existing::resume)); });
  };
  for (const char* pointer :
       {"/summary/inputs", "/summary/embedded", "/summary/failed", "/inputs/listed",
        "/inputs/block", "/inputs/blocks", "/output/bytes", "/summary/failed_by_code",
        "/provenance/run.dim", "/provenance", "/summary/truncated", "/inputs/list_sha256"}) {
    for (const json& value : {json(-1), json(1.5), json("x"), json(nullptr),
                              json(~std::uint64_t{0}), json::array({1})}) {
      json wrong = good;
      wrong[json::json_pointer(pointer)] = value;
      if (value == ~std::uint64_t{0} && std::string(pointer) == "/summary/truncated") continue;
      if (value == "x" && std::string(pointer) == "/inputs/list_sha256") continue;
      refused(wrong);
    }
  }
  json old = good;
  old.erase("format");
  holds(refused(old), "is of a format that this version of llm2clip does not read");
  put(path, good.dump());
  CHECK(Run(scratch / "x.npy", options(Existing::resume)).complete());
}

TEST_CASE("a journal that cannot be read is not taken for an empty one", "[store][run]") {
  const Scratch scratch;
  {
    Run run(scratch / "x.npy", options());
    work(run, 0, 9);
  }
  const fs::path journal = scratch / "x.npy.run" / "journal";
  fs::rename(journal, scratch / "aside");
  fs::create_directory(journal);  // stands for a disk that fails
  const Error error = error_of([&] { Run run(scratch / "x.npy", options(Existing::resume)); });
  CHECK(error.kind() == ErrorKind::io);
  CHECK(std::string(error.what()).ends_with("journal: cannot be read: Is a directory"));
  fs::remove(journal);
  fs::rename(scratch / "aside", journal);
  CHECK(Run(scratch / "x.npy", options(Existing::resume)).summary().resumed == 8);
}

TEST_CASE("one thread may take while another adds", "[store][run]") {
  constexpr std::uint64_t kInputs = 400;
  const std::string expected = undisturbed("x.npy", kInputs);
  const Scratch scratch;
  {
    Run run(scratch / "x.npy", options());
    work(run, 0, 101);  // so that taking passes over chunks that are there
  }
  Run run(scratch / "x.npy", options(Existing::resume));
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<RunInput> taken;
  bool all = false;
  std::thread reader([&] {
    for (std::uint64_t i = 0; i < kInputs; ++i) {
      const auto input = run.take("input " + std::to_string(i), "content");
      const std::scoped_lock lock(mutex);
      if (input) taken.push_back(*input);
      all = i + 1 == kInputs;
      changed.notify_one();
    }
  });
  while (true) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return all || !taken.empty(); });
    if (taken.empty()) break;
    const RunInput input = taken.front();
    taken.pop_front();
    lock.unlock();
    add_or_fail(run, input, input.index);
  }
  reader.join();
  CHECK(run.finish().inputs == kInputs);
  CHECK(content_of(scratch / "x.npy") == expected);
}

TEST_CASE("a run without inputs makes an empty file", "[store][run]") {
  const Scratch scratch;
  Run run(scratch / "x.npy", options());
  CHECK(run.finish().inputs == 0);
  CHECK(fs::file_size(scratch / "x.npy") == 256);
}

TEST_CASE("a link is followed, and stays one", "[store][run]") {
  const Scratch scratch;
  put(scratch / "real.npy", "");
  fs::create_symlink(scratch / "real.npy", scratch / "x.npy");
  Run run(scratch / "x.npy", options(Existing::overwrite));
  work(run, 0, 5);
  run.finish();
  CHECK(fs::is_symlink(scratch / "x.npy"));
  CHECK(fs::file_size(scratch / "real.npy") > 256);
}

TEST_CASE("an output that is a link is written at its target, which need not be there",
          "[store][run]") {
  const Scratch scratch;
  fs::create_directory(scratch / "far");
  fs::create_symlink("far/rows.npy", scratch / "rows.npy");
  for (const Existing existing : {Existing::refuse, Existing::overwrite, Existing::resume}) {
    Run run(scratch / "rows.npy", options(existing));
    CHECK(fs::equivalent(run.folder().parent_path(), scratch / "far"));
    work(run, 0, 10);
    run.finish();
    CHECK(fs::is_symlink(scratch / "rows.npy"));
    CHECK(fs::is_regular_file(fs::symlink_status(scratch / "far/rows.npy")));
    for (const fs::path& path : Run::files(scratch / "rows.npy").beside) {
      CHECK(fs::exists(path));
      CHECK(fs::equivalent(path.parent_path(), scratch / "far"));
    }
    CHECK_FALSE(fs::exists(Run::files(scratch / "rows.npy").folder));
  }
  CHECK(scratch.files() == 2);
  CHECK(error_of([&] { Run(scratch / "rows.npy", options()); }).kind() == ErrorKind::io);
}

}  // namespace
}  // namespace llm2clip
