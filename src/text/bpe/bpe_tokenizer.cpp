#include "text/bpe/bpe_tokenizer.h"

#include <algorithm>
#include <array>
#include <limits>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_set>
#include <utility>

#include "base/check.h"
#include "llm2clip/error.h"
#include "text/bpe/bpe_settings.h"
#include "text/bpe/byte_level.h"
#include "text/bpe/byte_pairs.h"
#include "text/bpe/piece_cache.h"
#include "text/bpe/pretokenize.h"
#include "text/special_tokens.h"
#include "text/tokenizer_json.h"
#include "text/vocabulary.h"

namespace llm2clip {
namespace {

constexpr const char* kBeginOfText = "<|begin_of_text|>";
// Of a byte that no token stands for.
constexpr std::uint32_t kNoToken = 0xFFFFFFFF;

// What one call of encode works with.
struct Work {
  std::vector<std::uint32_t> ids;
  std::size_t enough = 0;
  PieceCache cache;
  PairMerger merger;
  std::vector<std::uint32_t> symbols;

  bool done() const { return ids.size() >= enough; }
};

// Keeps what calls worked with for the calls that follow: as many as ever ran at the same time.
class SpareWork {
 public:
  std::unique_ptr<Work> take() {
    const std::lock_guard lock(mutex_);
    if (spare_.empty()) return std::make_unique<Work>();
    std::unique_ptr<Work> work = std::move(spare_.back());
    spare_.pop_back();
    return work;
  }

  void give_back(std::unique_ptr<Work> work) {
    // A long text must not leave its memory behind.
    constexpr std::size_t kKept = 1U << 16;
    if (work->ids.capacity() > kKept) work->ids = {};
    if (work->symbols.capacity() > kKept) {
      work->symbols = {};
      work->merger = {};
    }
    const std::lock_guard lock(mutex_);
    spare_.push_back(std::move(work));
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Work>> spare_;
};

class BpeTokenizer final : public TokenModel {
 public:
  BpeTokenizer(const TokenizerJson& file, const std::string& name);

  std::vector<std::int64_t> encode(std::string_view text, std::size_t enough,
                                   LiteralBytes literal) const override;
  std::optional<std::string> special_word() const override;
  std::vector<std::int64_t> beginning() const override { return beginning_; }
  std::string piece(std::int64_t id) const override;
  std::int64_t vocabulary_size() const override { return vocabulary_size_; }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw Error(ErrorKind::bad_model, name_ + ": " + what);
  }

  // What loading consists of, in this order.
  void read_vocabulary(const TokenizerJson& file, const BpeSettings& settings);
  void read_bytes(const BpeSettings& settings);
  void read_merges(const TokenizerJson& file);
  std::uint32_t id_of_merge_part(const std::string& key, std::size_t rank) const;
  void read_added_tokens(const BpeSettings& settings);
  void read_beginning(const BpeSettings& settings);

  SpecialMatch next_added(std::string_view text, std::size_t from, LiteralBytes literal) const;
  void encode_segment(std::string_view text, Work& work) const;
  std::span<const std::uint32_t> encode_piece(std::string_view piece, Work& work) const;

  std::string name_;
  bool ignore_merges_ = false;
  SplitPattern pattern_;
  Vocabulary vocabulary_;
  std::array<std::uint32_t, 256> byte_ids_{};  // kNoToken for one that is left out
  std::uint32_t unk_id_ = kNoToken;
  bool fuse_unk_ = false;
  MergeTable merges_;
  std::vector<SpecialToken> added_;  // sorted by id
  SpecialTokenFinder added_finder_{{}};
  SpecialTokenFinder plain_finder_{{}};  // of the added tokens that are not special
  std::vector<std::int64_t> beginning_;
  std::int64_t vocabulary_size_ = 0;
  mutable SpareWork spare_;
};

BpeTokenizer::BpeTokenizer(const TokenizerJson& file, const std::string& name)
    : name_(name), vocabulary_(file.vocabulary.size()), merges_(file.merges.size()) {
  const BpeSettings settings = read_bpe_settings(file.rest, name);
  ignore_merges_ = settings.ignore_merges;
  pattern_ = settings.pattern;
  read_vocabulary(file, settings);
  read_bytes(settings);
  read_merges(file);
  read_added_tokens(settings);
  read_beginning(settings);
}

void BpeTokenizer::read_vocabulary(const TokenizerJson& file, const BpeSettings& settings) {
  std::unordered_set<std::string_view> added;
  for (const auto& token : settings.added_tokens) added.insert(token.content);
  for (const auto& [key, id] : file.vocabulary) {
    // A special token may be in the vocabulary in its own spelling, which need not stand for bytes.
    // No piece of a text is ever looked up as such a one: the raw text is searched for it first,
    // or special_word() finds it.
    const std::optional<std::string> bytes = bytes_of_byte_level(key);
    if (!bytes && !added.contains(key)) {
      refuse("model.vocab: " + in_quotes(key) + " is not in the byte-level form of GPT-2");
    }
    if (!vocabulary_.add(bytes ? *bytes : key, id)) {
      refuse("model.vocab: " + in_quotes(key) + " stands twice");
    }
  }
  if (const std::optional<std::uint32_t> id = vocabulary_.sort_ids()) {
    refuse("model.vocab: id " + std::to_string(*id) + " stands twice");
  }
}

void BpeTokenizer::read_bytes(const BpeSettings& settings) {
  for (std::size_t byte = 0; byte < byte_ids_.size(); ++byte) {
    const char letter = static_cast<char>(byte);
    byte_ids_[byte] = vocabulary_.find({&letter, 1}).value_or(kNoToken);
  }
  const bool complete = std::ranges::find(byte_ids_, kNoToken) == byte_ids_.end();
  if (complete || !settings.unk_token) return;
  const std::string& unk = *settings.unk_token;
  const std::optional<std::string> bytes = bytes_of_byte_level(unk);
  const std::optional<std::uint32_t> id = vocabulary_.find(bytes ? *bytes : unk);
  if (!id) refuse("model.unk_token: " + in_quotes(unk) + " is not in model.vocab");
  unk_id_ = *id;
  fuse_unk_ = settings.fuse_unk;
}

std::uint32_t BpeTokenizer::id_of_merge_part(const std::string& key, std::size_t rank) const {
  const std::optional<std::string> bytes = bytes_of_byte_level(key);
  const std::optional<std::uint32_t> id = bytes ? vocabulary_.find(*bytes) : std::nullopt;
  if (!id) {
    refuse("model.merges: entry " + std::to_string(rank) + ": " + in_quotes(key) +
           " is not in model.vocab");
  }
  return *id;
}

void BpeTokenizer::read_merges(const TokenizerJson& file) {
  for (std::size_t rank = 0; rank < file.merges.size(); ++rank) {
    const auto& [left, right] = file.merges[rank];
    const MergeTable::Merge merge = {static_cast<std::uint32_t>(rank),
                                     id_of_merge_part(left + right, rank)};
    if (left.empty() || right.empty()) {
      refuse("model.merges: entry " + std::to_string(rank) + ": an empty token");
    }
    if (!merges_.add(id_of_merge_part(left, rank), id_of_merge_part(right, rank), merge)) {
      refuse("model.merges: entry " + std::to_string(rank) + ": " + in_quotes(left) + " and " +
             in_quotes(right) + " merge twice");
    }
  }
}

// tokenizers does not take the file's ids but counts them itself (AddedVocabulary::add_tokens); a
// file where the two differ means something else to each reader.
void BpeTokenizer::read_added_tokens(const BpeSettings& settings) {
  std::int64_t next = static_cast<std::int64_t>(vocabulary_.size());
  std::vector<SpecialToken> plain;
  for (const auto& [content, id, special] : settings.added_tokens) {
    const std::optional<std::string> bytes = bytes_of_byte_level(content);
    const std::optional<std::uint32_t> known = vocabulary_.find(bytes ? *bytes : content);
    const std::int64_t expected = known ? std::int64_t{*known} : next;
    if (id != expected) {
      refuse("added_tokens: " + in_quotes(content) + " has id " + std::to_string(id) + ", but " +
             std::to_string(expected) + " follows from the vocabulary");
    }
    if (!known && vocabulary_.bytes_of(static_cast<std::uint32_t>(id))) {
      refuse("added_tokens: " + in_quotes(content) + " has id " + std::to_string(id) +
             ", which is another token's in model.vocab");
    }
    next = std::max(next, id + 1);
    added_.push_back({content, id});
    if (!special) plain.push_back({content, id});
  }
  added_finder_ = SpecialTokenFinder(added_);
  plain_finder_ = SpecialTokenFinder(plain);
  std::ranges::sort(added_, {}, &SpecialToken::id);
  const std::int64_t highest = added_.empty() ? 0 : added_.back().id;
  vocabulary_size_ = std::max(std::int64_t{vocabulary_.highest_id()}, highest) + 1;
}

// Early uploads of Llama 3 lacked the template that puts beginning-of-text first; the model was
// trained with it all the same.
void BpeTokenizer::read_beginning(const BpeSettings& settings) {
  beginning_ = settings.beginning;
  for (const std::int64_t id : beginning_) {
    const bool known = std::ranges::binary_search(added_, id, {}, &SpecialToken::id) ||
                       vocabulary_.bytes_of(static_cast<std::uint32_t>(id)).has_value();
    if (!known) refuse("post_processor: id " + std::to_string(id) + " is not in the vocabulary");
  }
  if (!beginning_.empty()) return;
  const auto found = std::ranges::find(added_, kBeginOfText, &SpecialToken::content);
  if (found != added_.end()) beginning_ = {found->id};
}

std::vector<std::int64_t> BpeTokenizer::encode(std::string_view text, std::size_t enough,
                                               LiteralBytes literal) const {
  std::unique_ptr<Work> work = spare_.take();
  work->ids.clear();
  work->enough = enough;
  for (std::size_t at = 0; at < text.size() && !work->done();) {
    const SpecialMatch match = next_added(text, at, literal);
    encode_segment(text.substr(at, match.begin - at), *work);
    if (match.begin == std::string_view::npos || work->done()) break;
    work->ids.push_back(static_cast<std::uint32_t>(match.id));
    at = match.begin + match.size;
  }
  std::vector<std::int64_t> ids(work->ids.begin(), work->ids.end());
  spare_.give_back(std::move(work));
  return ids;
}

// tokenizers' encode_special_tokens, for a part of the text. No match crosses the part's borders.
SpecialMatch BpeTokenizer::next_added(std::string_view text, std::size_t from,
                                      LiteralBytes literal) const {
  if (from < literal.begin) {
    const SpecialMatch match = added_finder_.find(text.substr(0, literal.begin), from);
    if (match.begin != std::string_view::npos) return match;
    from = literal.begin;
  }
  if (from < literal.end) {
    const SpecialMatch match = plain_finder_.find(text.substr(0, literal.end), from);
    if (match.begin != std::string_view::npos) return match;
    from = literal.end;
  }
  return added_finder_.find(text, from);
}

// A token that comes out of any text comes out of its own letters, too: see Note [Windows].
std::optional<std::string> BpeTokenizer::special_word() const {
  for (const auto& [content, id] : added_) {
    const bool plain = plain_finder_.find(content, 0).size == content.size();
    if (plain) continue;
    const auto ids = encode(content, kAllTokens, {.begin = 0, .end = content.size()});
    if (std::ranges::find(ids, id) != ids.end()) return content;
  }
  return std::nullopt;
}

void BpeTokenizer::encode_segment(std::string_view text, Work& work) const {
  while (!text.empty() && !work.done()) {
    const std::string_view piece = text.substr(0, first_piece_size(text, pattern_));
    text.remove_prefix(piece.size());
    std::span<const std::uint32_t> ids = work.cache.find(piece);
    if (ids.empty()) {
      ids = encode_piece(piece, work);
      work.cache.put(piece, ids);
    }
    work.ids.insert(work.ids.end(), ids.begin(), ids.end());
  }
}

// Valid until the next call.
std::span<const std::uint32_t> BpeTokenizer::encode_piece(std::string_view piece,
                                                          Work& work) const {
  work.symbols.clear();
  if (ignore_merges_) {
    if (const std::optional<std::uint32_t> id = vocabulary_.find(piece)) {
      work.symbols.push_back(*id);
      return work.symbols;
    }
  }
  // tokenizers' BPE::merge_word: what has no token is as if it were not there, unless there is an
  // unk_token.
  bool after_unknown = false;
  for (const char byte : piece) {
    const std::uint32_t id = byte_ids_[static_cast<unsigned char>(byte)];
    const bool unknown = id == kNoToken;
    const bool left_out = unknown && (unk_id_ == kNoToken || (fuse_unk_ && after_unknown));
    if (!left_out) work.symbols.push_back(unknown ? unk_id_ : id);
    after_unknown = unknown;
  }
  work.merger.merge(merges_, work.symbols);
  return work.symbols;
}

std::string BpeTokenizer::piece(std::int64_t id) const {
  const auto special = std::ranges::lower_bound(added_, id, {}, &SpecialToken::id);
  if (special != added_.end() && special->id == id) return special->content;
  if (id >= 0 && id < vocabulary_size_) {
    if (const auto bytes = vocabulary_.bytes_of(static_cast<std::uint32_t>(id))) {
      return std::string(*bytes);
    }
  }
  throw Error(ErrorKind::invalid_argument,
              "token id " + std::to_string(id) + ": is not in the vocabulary of " + name_);
}

}  // namespace

std::unique_ptr<TokenModel> make_bpe_tokenizer(std::string_view json, const std::string& name) {
  return std::make_unique<BpeTokenizer>(parse_tokenizer_json(json, name), name);
}

}  // namespace llm2clip
