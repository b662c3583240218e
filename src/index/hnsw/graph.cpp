#include "index/hnsw/graph.h"

#include <algorithm>
#include <cstring>
#include <queue>
#include <string>
#include <usearch/index.hpp>
#include <utility>

#include "index/hnsw/seeds.h"
#include "index/parallel.h"
#include "index/row_products.h"
#include "llm2clip/error.h"

namespace llm2clip {
namespace {

using unum::usearch::get_slot;
using Links = unum::usearch::index_gt<float, std::uint32_t, std::uint32_t>;
using Mapping = unum::usearch::memory_mapped_file_t;
using Level = std::int16_t;

// Links of a row at the levels above the lowest, which has twice as many; and the rows among which
// they are found.
constexpr std::size_t kLinks = 16;
constexpr std::size_t kExpansion = 128;
// A level has a sixteenth of the rows of the one below it.
constexpr Level kMostLevels = 32;
// Seeds from which a search begins.
constexpr std::size_t kStarts = 4;

// How near rows are to a query, or to one another: less is nearer.
struct Distance {
  const std::vector<const std::uint16_t*>& rows;  // of slots
  std::size_t dim;

  template <typename Entry>
  float operator()(const float* query, const Entry& entry) const {
    return -quick_product(query, rows[get_slot(entry)], dim);
  }
  template <typename First, typename Second>
  float operator()(const First& first, const Second& second) const {
    return -quick_product(rows[get_slot(first)], rows[get_slot(second)], dim);
  }
};

// What is looked at next lies anywhere in memory. The first lines of each are asked for at once;
// the processor sees that the others follow.
struct Prefetch {
  static constexpr std::size_t kLines = 4;
  static constexpr std::size_t kHalves = 64 / sizeof(std::uint16_t);

  const std::vector<const std::uint16_t*>& rows;
  std::size_t dim;

  template <typename Iterator>
  void operator()(Iterator first, const Iterator last) const {
    const std::size_t end = std::min(dim, kLines * kHalves);
    for (; first != last; ++first) {
      const std::uint16_t* row = rows[slot_of(first)];
      for (std::size_t i = 0; i < end; i += kHalves) __builtin_prefetch(row + i);
    }
  }
  template <typename Iterator>
  static std::size_t slot_of(const Iterator& at) {
    if constexpr (requires { at.slot(); }) {
      return at.slot();
    } else {
      return get_slot(at);
    }
  }
};

[[noreturn]] void refuse(const std::string& why) { throw Error(ErrorKind::unreadable_input, why); }

// The errors of USearch end the process unless they are asked for.
template <typename Result>
void check(Result&& result) {
  if (!result) refuse(result.error.release());
}

void check_memory(bool enough) {
  if (!enough) throw std::bad_alloc();
}

Mapping mapping_of(std::span<const std::byte> bytes) {
  // It is only read, though USearch cannot say so.
  auto* first = reinterpret_cast<char*>(const_cast<std::byte*>(bytes.data()));
  return {first, bytes.size()};
}

}  // namespace

struct Graph::Impl {
  Impl(std::size_t width, RowAt where)
      : dim(width), row_at(std::move(where)), links(unum::usearch::index_config_t(kLinks)) {}

  std::size_t dim;
  RowAt row_at;
  Links links;
  std::vector<const std::uint16_t*> rows;  // of slots, which are in the order of adding
  Seeds seeds{dim};

  Distance distance() const { return {rows, dim}; }
  Prefetch prefetch() const { return {rows, dim}; }

  void choose_seeds();
  void check_file(std::span<const std::byte> bytes) const;
  void check_links(std::span<const std::byte> bytes, std::uint64_t row_limit) const;
  void finish_reading(std::span<const std::byte> bytes, std::uint64_t row_limit);
  void add_row(std::uint64_t row, std::size_t thread);
};

void Graph::Impl::choose_seeds() {
  seeds = Seeds(dim);
  const std::size_t count = Seeds::count_of(rows.size());
  for (std::size_t i = 0; i < count; ++i) {
    const auto slot = static_cast<std::uint32_t>(i * rows.size() / count);
    seeds.add(slot, {rows[slot], dim});
  }
}

// Before USearch reads it: it goes by the sizes and levels that the file says.
void Graph::Impl::check_file(std::span<const std::byte> bytes) const {
  unum::usearch::index_serialized_header_t header;
  if (bytes.size() < sizeof header) refuse("is too short");
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.connectivity != kLinks || header.connectivity_base != 2 * kLinks || header.size == 0 ||
      header.size > kRowLimit || header.size * sizeof(Level) > bytes.size() - sizeof header) {
    refuse("has a head of another graph");
  }
  const std::byte* const levels = bytes.data() + sizeof header;
  std::size_t size = sizeof header + header.size * sizeof(Level);
  for (std::size_t slot = 0; slot < header.size; ++slot) {
    Level level = 0;
    std::memcpy(&level, levels + slot * sizeof level, sizeof level);
    if (level < 0 || level > kMostLevels) refuse("has a level that there is not");
    size += links.memory_usage_per_node(level);
  }
  if (size != bytes.size()) refuse("is of another size than its rows");
}

// What a search follows must lead to rows, each of the level at which it is followed.
void Graph::Impl::check_links(std::span<const std::byte> bytes, std::uint64_t row_limit) const {
  const std::byte* levels = bytes.data() + sizeof(unum::usearch::index_serialized_header_t);
  const std::size_t count = links.size();
  for (std::uint32_t slot = 0; slot < count; ++slot) {
    Level recorded = 0;
    std::memcpy(&recorded, levels + slot * sizeof recorded, sizeof recorded);
    const std::size_t level = links.level_of(slot);
    if (level != static_cast<std::size_t>(recorded)) refuse("has a row of two levels");
    const std::uint32_t row = links.at(slot).key;
    if (row >= row_limit) refuse("has a row that the index has not");
    for (std::size_t at = 0; at <= level; ++at) {
      const auto neighbors = links.neighbors(slot, at);
      if (neighbors.size() > (at == 0 ? 2 * kLinks : kLinks)) refuse("has a row of too many links");
      for (auto link = neighbors.begin(); link != neighbors.end(); ++link) {
        if (link.slot() >= count || (at > 0 && links.level_of(link.slot()) < at)) {
          refuse("has a link to nowhere");
        }
      }
    }
  }
}

void Graph::Impl::finish_reading(std::span<const std::byte> bytes, std::uint64_t row_limit) {
  check_links(bytes, row_limit);
  rows.resize(links.size());
  for (std::uint32_t slot = 0; slot < rows.size(); ++slot) rows[slot] = row_at(links.at(slot).key);
  choose_seeds();
}

Graph::Graph(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Graph::Graph(std::size_t dim, RowAt row_at)
    : impl_(std::make_unique<Impl>(dim, std::move(row_at))) {}
Graph::Graph(Graph&&) noexcept = default;
Graph::~Graph() = default;

Graph Graph::read(std::span<const std::byte> bytes, std::size_t dim, std::uint64_t row_limit,
                  RowAt row_at) {
  auto impl = std::make_unique<Impl>(dim, std::move(row_at));
  impl->check_file(bytes);
  check(impl->links.load(mapping_of(bytes)));
  impl->finish_reading(bytes, row_limit);
  return Graph(std::move(impl));
}

Graph Graph::view(std::span<const std::byte> bytes, std::size_t dim, std::uint64_t row_limit,
                  RowAt row_at) {
  auto impl = std::make_unique<Impl>(dim, std::move(row_at));
  impl->check_file(bytes);
  check(impl->links.view(mapping_of(bytes)));
  impl->finish_reading(bytes, row_limit);
  return Graph(std::move(impl));
}

void Graph::Impl::add_row(std::uint64_t row, std::size_t thread) {
  const std::vector<float> wide = widened({row_at(row), dim});
  const float* const query = wide.data();
  const auto place = [&](auto member) { rows[get_slot(member)] = row_at(row); };
  check(links.add(static_cast<std::uint32_t>(row), query, distance(),
                  {.expansion = kExpansion, .thread = thread}, place, prefetch()));
}

void Graph::add(std::span<const std::uint64_t> rows, std::size_t threads,
                const std::function<bool(std::size_t done)>& progress) {
  const std::size_t all = impl_->links.size() + rows.size();
  check_memory(impl_->links.try_reserve({all, threads}));
  impl_->rows.resize(all);
  std::size_t alone = 0;  // the first rows, before there is anything to link others with
  while (alone < rows.size() && impl_->links.size() < 2 * kLinks) impl_->add_row(rows[alone++], 0);
  for_each_item(rows.size() - alone, threads, [&](std::size_t thread, std::size_t at) {
    impl_->add_row(rows[alone + at], thread);
    if (thread == 0 && progress && !progress(alone + at)) {
      throw Error(ErrorKind::cancelled, "graph: ended by progress");
    }
  });
  impl_->choose_seeds();
}

void Graph::write(const std::function<void(std::span<const std::byte>)>& take) const {
  check(impl_->links.save_to_stream([&](const void* bytes, std::size_t count) {
    take({static_cast<const std::byte*>(bytes), count});
    return true;
  }));
}

namespace {

struct Nearer {
  bool operator()(const Candidate& a, const Candidate& b) const { return a.score > b.score; }
};
struct Farther {
  bool operator()(const Candidate& a, const Candidate& b) const { return a.score < b.score; }
};

// One search: USearch's own begins at one row, whatever is asked for.
class Walk {
 public:
  Walk(const Links& links, const std::vector<const std::uint16_t*>& rows,
       std::span<const float> query, std::size_t expansion, const RemovedRows& hidden)
      : links_(links),
        rows_(rows),
        query_(query),
        expansion_(std::max<std::size_t>(expansion, 1)),
        hidden_(hidden),
        seen_(rows.size()) {}

  std::vector<Candidate> from(const std::vector<std::uint32_t>& starts) {
    look_at(starts);
    std::vector<std::uint32_t> linked;
    while (!open_.empty() && !is_beyond(open_.top().score)) {
      const auto slot = static_cast<std::uint32_t>(open_.top().row);
      open_.pop();
      linked.clear();
      const auto links = links_.neighbors(slot, 0);
      for (auto link = links.begin(); link != links.end(); ++link) linked.push_back(link.slot());
      look_at(linked);
    }
    return found();
  }

 private:
  // No row that is farther is wanted.
  bool is_beyond(float score) const {
    return best_.size() == expansion_ && score <= best_.top().score;
  }

  void look_at(const std::vector<std::uint32_t>& slots) {
    fresh_.clear();
    for (const std::uint32_t slot : slots) {
      if (!seen_[slot]) fresh_.push_back(slot);
      seen_[slot] = true;
    }
    for (std::size_t i = 0; i < fresh_.size() + kAhead; ++i) {
      if (i < fresh_.size()) prefetch(rows_[fresh_[i]]);
      if (i >= kAhead) take(fresh_[i - kAhead]);
    }
  }

  void prefetch(const std::uint16_t* row) const {
    for (std::size_t i = 0; i < query_.size(); i += kLine) __builtin_prefetch(row + i);
  }

  void take(std::uint32_t slot) {
    const float score = quick_product(query_.data(), rows_[slot], query_.size());
    if (is_beyond(score)) return;
    open_.push({score, slot});
    if (hidden_[links_.at(slot).key]) return;
    if (best_.size() == expansion_) best_.pop();
    best_.push({score, slot});
  }

  std::vector<Candidate> found() {
    std::vector<Candidate> rows;
    for (; !best_.empty(); best_.pop()) {
      const Candidate& best = best_.top();
      rows.push_back({best.score, links_.at(static_cast<std::uint32_t>(best.row)).key});
    }
    return rows;
  }

  static constexpr std::size_t kAhead = 2;  // rows
  static constexpr std::size_t kLine = 64 / sizeof(std::uint16_t);

  const Links& links_;
  const std::vector<const std::uint16_t*>& rows_;
  std::span<const float> query_;
  std::size_t expansion_;
  const RemovedRows& hidden_;

  std::vector<bool> seen_;  // slots
  std::vector<std::uint32_t> fresh_;
  std::priority_queue<Candidate, std::vector<Candidate>, Farther>
      open_;                                                             // slots, the nearest first
  std::priority_queue<Candidate, std::vector<Candidate>, Nearer> best_;  // the farthest first
};

}  // namespace

std::vector<Candidate> Graph::search(std::span<const float> query, std::size_t expansion,
                                     const RemovedRows& hidden) const {
  Walk walk(impl_->links, impl_->rows, query, expansion, hidden);
  return walk.from(impl_->seeds.nearest(query, kStarts));
}

}  // namespace llm2clip
