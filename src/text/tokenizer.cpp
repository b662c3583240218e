#include "llm2clip/tokenizer.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "base/errors_only.h"
#include "base/names.h"
#include "llm2clip/error.h"
#include "text/bpe/bpe_tokenizer.h"
#include "text/prompt.h"
#include "text/sentencepiece_tokenizer.h"
#include "text/token_model.h"
#include "text/tokenizer_file.h"
#include "text/utf8.h"

namespace llm2clip {
namespace {

constexpr std::array<Named<SpecialTokens>, 2> kSpecialTokens = {
    {{SpecialTokens::parse, "parse"}, {SpecialTokens::literal, "literal"}}};

std::unique_ptr<TokenModel> parse_model(std::string_view bytes, const std::string& name) {
  if (kind_of_tokenizer(bytes, name) == TokenizerKind::byte_level_bpe) {
    return make_bpe_tokenizer(bytes, name);
  }
  return make_sentencepiece_tokenizer(bytes, name);
}

void check_utf8(std::string_view text, ErrorKind kind, const char* name) {
  constexpr char kHex[] = "0123456789ABCDEF";
  const std::size_t at = find_invalid_utf8(text);
  if (at == std::string_view::npos) return;
  const auto byte = static_cast<unsigned char>(text[at]);
  throw Error(kind, std::string(name) + ": invalid UTF-8 at byte " + std::to_string(at) + " (0x" +
                        kHex[byte >> 4] + kHex[byte & 15] + ")");
}

void check_text(std::string_view text) { check_utf8(text, ErrorKind::unreadable_input, "text"); }

void check_options(const TokenizerOptions& options, std::size_t beginning) {
  check_utf8(options.prompt.prefix, ErrorKind::invalid_argument, "prompt.prefix");
  check_utf8(options.prompt.suffix, ErrorKind::invalid_argument, "prompt.suffix");
  check_utf8(options.prompt.separator, ErrorKind::invalid_argument, "prompt.separator");
  if (options.prompt.separator.empty()) {
    throw Error(ErrorKind::invalid_argument, "prompt.separator: is empty");
  }
  if (options.doc_max_length < 1) {
    throw Error(
        ErrorKind::invalid_argument,
        "doc_max_length: " + std::to_string(options.doc_max_length) + ", expected 1 or more");
  }
  if (options.max_tokens < 1 || static_cast<std::size_t>(options.max_tokens) <= beginning) {
    throw Error(ErrorKind::invalid_argument, "max_tokens: " + std::to_string(options.max_tokens) +
                                                 " leaves no room for a text, expected " +
                                                 std::to_string(beginning + 1) + " or more");
  }
}

void check_special_tokens(const TokenizerOptions& options, const TokenModel& model) {
  if (options.special_tokens == SpecialTokens::parse) return;
  const std::optional<std::string> word = model.special_word();
  if (!word) return;
  throw Error(ErrorKind::invalid_argument,
              "special_tokens: cannot be literal with this tokenizer, where \"" + *word +
                  "\" is a special token and a word at once; use parse");
}

}  // namespace

const char* to_string(SpecialTokens special_tokens) {
  return name_of(kSpecialTokens, special_tokens);
}

template <>
SpecialTokens from_string(std::string_view name) {
  return value_of(kSpecialTokens, "special_tokens", name);
}

struct Tokenizer::Impl {
  std::unique_ptr<TokenModel> model;
  std::vector<std::int64_t> beginning;
  TokenizerOptions options;

  LiteralBytes literal(LiteralBytes part) const {
    return options.special_tokens == SpecialTokens::literal ? part : LiteralBytes{};
  }

  // Tokens of the bare text, at most max_tokens.
  std::size_t count_tokens(std::string_view text, LiteralBytes part) const {
    const auto max_tokens = static_cast<std::size_t>(options.max_tokens);
    return std::min(model->encode(text, max_tokens, literal(part)).size(), max_tokens);
  }
  std::size_t count_tokens(std::string_view text) const {
    return count_tokens(text, {0, text.size()});
  }

  std::optional<std::string> shortened(std::string_view text) const;
};

// llm2vec.py: _convert_to_str. Empty for a text that may stay as it is.
std::optional<std::string> Tokenizer::Impl::shortened(std::string_view text) const {
  if (options.doc_max_length >= options.max_tokens) return std::nullopt;
  const auto longest = static_cast<std::size_t>(options.doc_max_length);
  std::optional<std::string> result;
  for (std::size_t count = count_tokens(text); count > longest; count = count_tokens(*result)) {
    const std::string_view rest = result ? std::string_view(*result) : text;
    const double ratio = static_cast<double>(longest) / static_cast<double>(count);
    const double words = static_cast<double>(count_words(rest)) * ratio;
    result = first_words(rest, static_cast<std::size_t>(words));
  }
  return result;
}

Tokenizer::Tokenizer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

Tokenizer Tokenizer::load(const std::filesystem::path& path, const TokenizerOptions& options) {
  return errors_only(path,
                     [&] { return parse(read_tokenizer_file(path), path.string(), options); });
}

Tokenizer Tokenizer::parse(std::string_view content, const std::string& name,
                           const TokenizerOptions& options) try {
  auto impl = std::make_unique<Impl>();
  impl->model = parse_model(content, name);
  impl->beginning = impl->model->beginning();
  impl->options = options;
  check_options(options, impl->beginning.size());
  check_special_tokens(options, *impl->model);
  return Tokenizer(std::move(impl));
} catch (...) {
  rethrow_as_error(name);
}

// llm2vec.py: tokenize. The row is what the text encoder sees, cut at the end; k is the number of
// tokens of text + suffix tokenized alone, cut to max_tokens without a beginning-of-text.
Tokens Tokenizer::encode(std::string_view text) const try {
  check_text(text);
  const std::optional<std::string> shortened = impl_->shortened(text);
  const PromptedText prompted = apply_prompt(impl_->options.prompt, shortened ? *shortened : text);
  const auto max_tokens = static_cast<std::size_t>(impl_->options.max_tokens);
  const std::size_t room = max_tokens - impl_->beginning.size();

  Tokens tokens;
  tokens.ids = impl_->model->encode(prompted.seen, room + 1, impl_->literal(prompted.seen_text));
  tokens.truncated = tokens.ids.size() > room || shortened.has_value();
  if (tokens.ids.size() > room) tokens.ids.resize(room);
  tokens.ids.insert(tokens.ids.begin(), impl_->beginning.begin(), impl_->beginning.end());
  if (tokens.ids.empty()) {  // no network takes it
    throw Error(ErrorKind::unreadable_input,
                "text: gives no tokens, and this tokenizer puts none around it; leave it out");
  }

  // A row of the reference that is shorter than k raises; only a separator in the text makes one.
  const std::size_t alone = impl_->count_tokens(prompted.pooled, prompted.pooled_text);
  tokens.pooled = static_cast<int>(std::min(alone, tokens.ids.size()));
  return tokens;
} catch (...) {
  rethrow_as_error("text");
}

std::vector<std::int64_t> Tokenizer::encode_raw(std::string_view text) const try {
  check_text(text);
  return impl_->model->encode(text, kAllTokens, impl_->literal({0, text.size()}));
} catch (...) {
  rethrow_as_error("text");
}

const TokenizerOptions& Tokenizer::options() const { return impl_->options; }

std::string Tokenizer::piece(std::int64_t id) const {
  return errors_only("token id", [&] { return impl_->model->piece(id); });
}

std::int64_t Tokenizer::vocabulary_size() const { return impl_->model->vocabulary_size(); }

}  // namespace llm2clip
