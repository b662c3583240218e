#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace llm2clip {

/// Of the ids of tokens.
inline constexpr std::uint64_t kLargestTokenId = 0x7FFFFFFF;

/// More tokens than any text has.
inline constexpr std::size_t kAllTokens = std::numeric_limits<std::size_t>::max();

/// Bytes of a text among which special tokens are letters like others.
struct LiteralBytes {
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// What a tokenizer file defines, whatever its kind. Does not change once made.
class TokenModel {
 public:
  virtual ~TokenModel() = default;

  /// The ids of a text that is valid UTF-8, without those of beginning(). May leave out the end of
  /// the text once there are `enough`.
  virtual std::vector<std::int64_t> encode(std::string_view text, std::size_t enough,
                                           LiteralBytes literal = {}) const = 0;

  /// A special token whose letters are that token among literal bytes as well, if there is one.
  virtual std::optional<std::string> special_word() const = 0;

  /// What goes before every text that is encoded with special tokens: beginning-of-text, or
  /// nothing.
  virtual std::vector<std::int64_t> beginning() const = 0;

  /// Throws Error(invalid_argument) for an id that is none.
  virtual std::string piece(std::int64_t id) const = 0;

  virtual std::int64_t vocabulary_size() const = 0;
};

}  // namespace llm2clip
