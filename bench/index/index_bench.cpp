// Measures searches of an index, round by round (rounds.h).
//
//   index_bench make INDEX ROWS DIM [--clusters 0]     writes an index of random rows
//   index_bench link INDEX                       brings it to kind hnsw, and says what that took
//   index_bench search INDEX --queries 1 [--top-k 10] [--threads 2] [--seconds 2] [--near]
//   index_bench recall INDEX --queries 1000 [--clusters 0]     share of what an exact search finds
//   index_bench ids INDEX --queries 64 [--top-k 10]    what is found, a JSON line a query
//   index_bench read INDEX [--threads 2] [--seconds 2]     its rows, as they are mapped
//   index_bench multiply [--threads 2] [--seconds 2]   float32 multiplications and additions
//
// Rows and queries are the same for the same sizes. With --clusters, rows and queries lie around so
// many centers, as embeddings do around what images show: mostly along 32 directions that all have
// in common, and a little along all. `search` counts rows times queries; --near goes by the links.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/mapped_file.h"
#include "llm2clip/index.h"
#include "rounds.h"

namespace {

using llm2clip::bench::answer_rounds;
using llm2clip::bench::repeat;

struct Flags {
  std::string path;
  std::uint64_t rows = 0;
  std::size_t dim = 0;
  std::size_t queries = 1;
  std::size_t top_k = 10;
  std::size_t threads = 2;
  double seconds = 2;
  std::size_t clusters = 0;
  bool near = false;
};

// Sums of three uniform numbers: near enough to normal ones, and made quickly.
class Numbers {
 public:
  explicit Numbers(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15u + 1) {}
  void fill(std::span<float> row) {
    for (float& value : row) value = uniform() + uniform() + uniform();
  }
  std::size_t below(std::size_t count) {
    const auto at = static_cast<std::size_t>((uniform() + 0.5f) * static_cast<float>(count));
    return std::min(at, count - 1);
  }

 private:
  float uniform() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<float>(state_ >> 40) * 0x1p-24f - 0.5f;
  }
  std::uint64_t state_;
};

void make_unit(std::span<float> row) {
  double squares = 0;
  for (const float value : row) squares += static_cast<double>(value) * value;
  const auto scale = static_cast<float>(1 / std::sqrt(squares));
  for (float& value : row) value *= scale;
}

// Rows of unit length, one after the other.
class Rows {
 public:
  Rows(std::size_t clusters, std::size_t dim, std::uint64_t seed)
      : centers_(clusters, dim), directions_(clusters > 0 ? kDirections : 0, dim), numbers_(seed) {
    Numbers shared(3);
    for (llm2clip::Embeddings* rows : {&centers_, &directions_}) {
      for (std::size_t i = 0; i < rows->rows(); ++i) {
        shared.fill((*rows)[i]);
        make_unit((*rows)[i]);
      }
    }
  }

  void next(std::span<float> row) {
    numbers_.fill(row);
    make_unit(row);
    if (centers_.rows() > 0) draw_near(row);
  }

 private:
  static constexpr std::size_t kDirections = 32;
  static constexpr float kAlong = 0.25f;  // of each: together 0.7 where a center has 1
  static constexpr float kAcross = 0.2f;

  void draw_near(std::span<float> row) {
    float along[kDirections];
    numbers_.fill(along);
    const std::span<const float> center = centers_[numbers_.below(centers_.rows())];
    for (std::size_t k = 0; k < row.size(); ++k) row[k] = center[k] + kAcross * row[k];
    for (std::size_t i = 0; i < kDirections; ++i) {
      const std::span<const float> direction = directions_[i];
      for (std::size_t k = 0; k < row.size(); ++k) row[k] += kAlong * along[i] * direction[k];
    }
    make_unit(row);
  }

  llm2clip::Embeddings centers_;
  llm2clip::Embeddings directions_;
  Numbers numbers_;
};

void make(const Flags& flags) {
  std::filesystem::remove_all(flags.path);
  llm2clip::IndexWriter writer(flags.path, {.dim = flags.dim, .commit_rows = 100'000});
  Rows rows(flags.clusters, flags.dim, 1);
  std::vector<float> row(flags.dim);
  for (std::uint64_t i = 0; i < flags.rows; ++i) {
    rows.next(row);
    writer.add(std::to_string(i), row);
    writer.commit_if_due();
  }
  writer.compact();
}

llm2clip::Embeddings queries_of(const Flags& flags, std::size_t dim) {
  llm2clip::Embeddings queries(flags.queries, dim);
  Rows rows(flags.clusters, dim, 2);
  for (std::size_t i = 0; i < queries.rows(); ++i) rows.next(queries[i]);
  return queries;
}

void link(const Flags& flags) {
  const auto start = std::chrono::steady_clock::now();
  llm2clip::IndexWriter writer(flags.path, {.kind = llm2clip::IndexKind::hnsw});
  const auto graph = writer.update_graph([](std::uint64_t done, std::uint64_t total) {
    if (done % 10'000 < 2) std::cerr << done << " of " << total << "\r";
    return true;
  });
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  nlohmann::json line = {{"seconds", seconds.count()}};
  if (graph) {
    line.update(
        {{"rows", graph->rows}, {"recall", graph->recall}, {"expansion", graph->expansion}});
  }
  std::cout << line << "\n";
}

void recall(const Flags& flags) {
  const llm2clip::Index index = llm2clip::Index::open(flags.path);
  const llm2clip::Embeddings queries = queries_of(flags, index.dim());
  const auto best = index.search(queries, {.top_k = flags.top_k, .exact = true});
  const auto found = index.search(queries, {.top_k = flags.top_k});
  std::size_t right = 0;
  for (std::size_t i = 0; i < best.size(); ++i) {
    for (const llm2clip::IndexHit& hit : found[i]) right += hit.score >= best[i].back().score;
  }
  const auto all = static_cast<double>(best.size() * flags.top_k);
  std::cout << nlohmann::json{{"queries", best.size()},
                              {"top_k", flags.top_k},
                              {"recall", static_cast<double>(right) / all}}
            << "\n";
}

void search(const Flags& flags) {
  const llm2clip::Index index = llm2clip::Index::open(flags.path);
  const llm2clip::Embeddings queries = queries_of(flags, index.dim());
  const auto once = [&] {
    index.search(queries, {.top_k = flags.top_k, .threads = flags.threads, .exact = !flags.near});
    return static_cast<double>(index.rows() * flags.queries);
  };
  once();  // the rows are in memory
  answer_rounds({{"rows", index.rows()}, {"dim", index.dim()}},
                [&] { return repeat(flags.seconds, once); });
}

void ids(const Flags& flags) {
  const llm2clip::Index index = llm2clip::Index::open(flags.path);
  const llm2clip::Embeddings queries = queries_of(flags, index.dim());
  const auto found =
      index.search(queries, {.top_k = flags.top_k, .threads = flags.threads, .exact = true});
  for (std::size_t i = 0; i < found.size(); ++i) {
    nlohmann::json line = {{"query", queries[i]}, {"ids", nlohmann::json::array()}};
    for (const llm2clip::IndexHit& hit : found[i]) {
      line["ids"].push_back(hit.id);
      line["scores"].push_back(hit.score);
    }
    std::cout << line << "\n";
  }
}

void read_rows(const Flags& flags) {
  std::vector<llm2clip::MappedFile> files;
  for (const auto& entry : std::filesystem::directory_iterator(flags.path)) {
    if (entry.path().extension() == ".npy") files.emplace_back(entry.path());
  }
  std::atomic<std::uint64_t> total = 0;
  const auto once = [&] {
    double bytes = 0;
    for (const llm2clip::MappedFile& file : files) {
      const auto* words = reinterpret_cast<const std::uint64_t*>(file.bytes().data());
      const std::size_t share = file.bytes().size() / sizeof(std::uint64_t) / flags.threads;
      std::vector<std::jthread> readers;
      for (std::size_t i = 0; i < flags.threads; ++i) {
        readers.emplace_back([&total, start = words + i * share, share] {
          total += std::accumulate(start, start + share, std::uint64_t{0});
        });
      }
      bytes += static_cast<double>(file.bytes().size());
    }
    return bytes;
  };
  once();
  answer_rounds({{"files", files.size()}}, [&] { return repeat(flags.seconds, once); });
}

// As many sums as hide how long a multiplication takes and still lie in registers, each as wide as
// a register.
#if defined(__AVX512F__)
constexpr int kRegisterBytes = 64;
constexpr int kSums = 24;
#elif defined(__AVX__)
constexpr int kRegisterBytes = 32;
constexpr int kSums = 12;
#else
constexpr int kRegisterBytes = 16;
constexpr int kSums = 12;
#endif

// What the processor does at most: sums in registers, nothing read.
[[gnu::noinline]] float multiply_much(std::uint64_t steps) {
  using Vector [[gnu::vector_size(kRegisterBytes)]] = float;
  Vector factor = Vector{} + 0.999f;
  Vector sums[kSums];
  for (int j = 0; j < kSums; ++j) sums[j] = Vector{} + static_cast<float>(j);
  for (std::uint64_t i = 0; i < steps; ++i) {
    asm volatile("" : "+v"(factor));
#pragma GCC unroll kSums
    for (int j = 0; j < kSums; ++j) sums[j] = sums[j] * factor + factor;
  }
  float total = 0;
  for (const Vector& sum : sums) total += sum[0];
  return total;
}

void multiply(const Flags& flags) {
  constexpr std::uint64_t kSteps = 4'000'000;
  constexpr double kPerStep = 1.0 * kSums * kRegisterBytes / sizeof(float);
  const auto once = [&] {
    std::atomic<float> keep = 0;
    {
      std::vector<std::jthread> threads;
      for (std::size_t i = 0; i < flags.threads; ++i) {
        threads.emplace_back([&keep] { keep = multiply_much(kSteps); });
      }
    }
    return kPerStep * static_cast<double>(kSteps * flags.threads);
  };
  answer_rounds({{"vector", 64}}, [&] { return repeat(flags.seconds, once); });
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Measures searches of an index, for bench/run.");
  app.require_subcommand(1);
  Flags flags;
  const auto add = [&](const char* name, void (*run)(const Flags&)) {
    CLI::App* command = app.add_subcommand(name);
    command->add_option("--queries", flags.queries);
    command->add_option("--top-k", flags.top_k);
    command->add_option("--threads", flags.threads);
    command->add_option("--seconds", flags.seconds);
    command->add_option("--clusters", flags.clusters);
    command->add_flag("--near", flags.near);
    command->callback([&flags, run] { run(flags); });
    return command;
  };
  CLI::App* making = add("make", make);
  making->add_option("PATH", flags.path)->required();
  making->add_option("ROWS", flags.rows)->required();
  making->add_option("DIM", flags.dim)->required();
  add("link", link)->add_option("PATH", flags.path)->required();
  add("recall", recall)->add_option("PATH", flags.path)->required();
  add("search", search)->add_option("PATH", flags.path)->required();
  add("ids", ids)->add_option("PATH", flags.path)->required();
  add("read", read_rows)->add_option("PATH", flags.path)->required();
  add("multiply", multiply);
  return llm2clip::bench::guarded("index_bench", [&] {
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      throw std::runtime_error(error.what());
    }
  });
}
