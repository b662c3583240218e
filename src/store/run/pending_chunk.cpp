#include "store/run/pending_chunk.h"

#include <utility>

#include "llm2clip/error.h"

namespace llm2clip {
namespace {

// Ids and messages of a chunk, which are in memory while it is written and read.
constexpr std::size_t kMostTextBytes = 32u << 20;

}  // namespace

std::uint64_t PendingChunk::inputs() const {
  return content_ ? content_->chunk.end - content_->chunk.first : 0;
}

std::uint64_t PendingChunk::rows() const { return content_ ? content_->chunk.ids.size() : 0; }

void PendingChunk::check_order(const RunInput& input) const {
  if (input.index >= least_next_) return;
  throw Error(ErrorKind::invalid_argument,
              "input " + std::to_string(input.index) +
                  ": it or a later one was added before; inputs come in the order of take()");
}

bool PendingChunk::ends_before(const RunInput& input) const {
  return content_ && content_->chunk.end != input.index;
}

PendingChunk::Content& PendingChunk::content_with(const RunInput& input, bool failed) {
  least_next_ = input.index + 1;
  if (!content_) {
    content_ = Content{.chunk = {}, .values = {}, .text_bytes = 0, .since = Clock::now()};
    content_->chunk.first = input.index;
  }
  Chunk& chunk = content_->chunk;
  // It could not be written, and goes on.
  if (chunk.rows.rows() > 0) content_->values = chunk.rows.release();
  chunk.end = input.index + 1;
  chunk.outcomes.push_back({short_digest(input.digest), failed});
  content_->text_bytes += input.id.size();
  return *content_;
}

void PendingChunk::add(const RunInput& input, std::span<const float> row) {
  Content& content = content_with(input, /*failed=*/false);
  content.chunk.ids.push_back(input.id);
  content.values.insert(content.values.end(), row.begin(), row.end());
}

void PendingChunk::fail(const RunInput& input, const RunFailure& failure) {
  Content& content = content_with(input, /*failed=*/true);
  content.text_bytes += failure.message.size();
  content.chunk.failures.push_back({input.index, input.id, failure});
}

void PendingChunk::count(const std::string& what, std::uint64_t more) {
  if (!content_) {
    throw Error(ErrorKind::invalid_argument,
                "count: \"" + what + "\" counts inputs added since the last commit; none are");
  }
  Chunk& chunk = content_->chunk;
  if (more > 0) chunk.counts.push_back({chunk.end - 1, what, more});
}

bool PendingChunk::is_due(const RunOptions& options) const {
  if (!content_) return false;
  return inputs() >= options.commit_rows || content_->text_bytes >= kMostTextBytes ||
         Clock::now() - content_->since >= options.commit_interval;
}

const Chunk& PendingChunk::chunk(std::size_t dim) {
  Chunk& chunk = content_->chunk;
  if (chunk.rows.rows() == 0) {
    chunk.rows = Embeddings(chunk.ids.size(), dim, std::move(content_->values));
  }
  return chunk;
}

}  // namespace llm2clip
