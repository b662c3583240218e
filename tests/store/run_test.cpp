#include "llm2clip/run.h"

#include <array>
#include <condition_variable>
#include <deque>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "store/safetensors.h"
#include "store/scratch.h"
#include "support/catch.h"
#include "support/error.h"

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
  options.facts = {{"model", "tiny"}, {"manifest_sha256", "00ff"}};
  options.commit_rows = 4;
  return options;
}

bool fails(std::uint64_t index) { return index % 7 == 3; }

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

// What a command does with inputs `first` to `end`; every seventh fails.
void work(Run& run, std::uint64_t first, std::uint64_t end, unsigned step = 1) {
  for (std::uint64_t i = first; i < end; i += step) {
    const auto input = run.take("input " + std::to_string(i), "content");
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
  CHECK(report["settings"]["model"] == "tiny");
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
  CHECK(std::string(error.what()).ends_with("x.npy: exists; give another name, or replace it with "
                                            "--overwrite"));
  Run replaced(scratch / "x.npy", options(Existing::overwrite));
  work(replaced, 0, 2);
  CHECK(replaced.finish().embedded == 2);
}

TEST_CASE("another run's output is refused with the settings that differ", "[store][run]") {
  const Scratch scratch;
  {
    Run run(scratch / "x.npy", options());
    work(run, 0, 5);
  }
  RunOptions other = options(Existing::resume);
  other.facts[1].second = "11ee";
  const Error error = error_of([&] { Run run(scratch / "x.npy", other); });
  CHECK(error.kind() == ErrorKind::io);
  CHECK(std::string(error.what()).find("belongs to another run: manifest_sha256 is 00ff there and "
                                       "11ee here") != std::string::npos);
  Run run(scratch / "x.npy", options(Existing::resume));
  work(run, 0, 5);
  run.finish();
  CHECK(error_of([&] { Run late(scratch / "x.npy", other); }).kind() == ErrorKind::io);
}

TEST_CASE("a reason that is put in other words does not make another run", "[store][run]") {
  const Scratch scratch;
  RunOptions first = options();
  first.facts.emplace_back("computed_in_reason", "as asked");
  {
    Run run(scratch / "x.npy", first);
    work(run, 0, 5);
  }
  RunOptions again = options(Existing::resume);
  again.facts.emplace_back("computed_in_reason", "as stored");
  Run run(scratch / "x.npy", again);
  work(run, 0, 5);
  run.finish();
  CHECK(Run(scratch / "x.npy", options(Existing::resume)).complete());
}

TEST_CASE("inputs that changed between two processes are refused", "[store][run]") {
  const Scratch scratch;
  {
    Run run(scratch / "x.npy", options());
    work(run, 0, 9);
  }
  Run run(scratch / "x.npy", options(Existing::resume));
  const Error error = error_of([&] { work(run, 1, 10); });
  CHECK(std::string(error.what()).find("inputs 0 to 3 are not what they were") !=
        std::string::npos);
  Run fewer(scratch / "y.npy", options());
  work(fewer, 0, 9);
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

TEST_CASE("a damaged part is made anew, the others are kept", "[store][run]") {
  const std::string expected = undisturbed("x.npy", 23);
  for (const char* part : {"part-00000.safetensors", "part-00002.safetensors"}) {
    const Scratch scratch;
    fs::path folder;
    {
      Run run(scratch / "x.npy", options());
      folder = run.folder();
      work(run, 0, 20);
    }
    std::string bytes = content_of(folder / part);
    bytes[bytes.size() - 3] ^= 1;
    put(folder / part, bytes);
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
      RunOptions share = options();
      share.shard = shard;
      share.shards = shards;
      Run run(scratch / "x.jsonl", share);
      work(run, shard - 1, 23, shards);
      run.finish();
      CHECK_FALSE(fs::exists(scratch / "x.jsonl"));
    }
    const RunSummary summary = merge_runs(scratch / "x.jsonl");
    CHECK(summary.inputs == 23);
    CHECK(content_of(scratch / "x.jsonl") == expected);
    CHECK(scratch.files() == 3);
  }
}

TEST_CASE("runs of different facts or lists are not joined", "[store][run]") {
  for (const bool facts : {true, false}) {
    const Scratch scratch;
    for (unsigned shard = 1; shard <= 2; ++shard) {
      RunOptions share = options();
      share.shard = shard;
      share.shards = 2;
      if (facts && shard == 2) share.facts[0].second = "other";
      Run run(scratch / "x.npy", share);
      work(run, shard - 1, facts || shard == 1 ? 23 : 15, 2);
      run.finish();
    }
    const Error error = error_of([&] { merge_runs(scratch / "x.npy"); });
    CHECK(error.kind() == ErrorKind::io);
    const char* const words = facts ? "model is other there and tiny here" : "different lists";
    CHECK(std::string(error.what()).find(words) != std::string::npos);
  }
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
    work(run, 0, 101);  // so that taking passes over parts that are there
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

}  // namespace
}  // namespace llm2clip
