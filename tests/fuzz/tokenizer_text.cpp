// Any text gets the ids that the definition of its tokenizer gives: the regex run by PCRE2, then
// the leftmost merge of the lowest rank again and again.

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "property.h"
#include "text/bpe/bpe_tokenizer.h"
#include "text/small_tokenizer.h"
#include "text/split_oracle.h"
#include "text/utf8.h"

namespace {

using namespace llm2clip;
using Ids = std::vector<std::int64_t>;

std::string only_utf8(std::string text) {
  for (auto at = find_invalid_utf8(text); at != std::string::npos; at = find_invalid_utf8(text)) {
    text.erase(at, 1);
  }
  return text;
}

std::vector<std::string> pieces_by_regex(const std::string& text) {
  static const testing::SplitOracle oracle(
      testing::small_tokenizer_json()["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"]);
  return oracle.split(text);
}

Ids merge_slowly(const std::string& piece) {
  const auto& merges = testing::small_merges();
  std::vector<std::string> parts;
  for (const char byte : piece) parts.emplace_back(1, byte);
  const auto rank_at = [&](std::size_t i) {
    return std::ranges::find(merges, std::pair(parts[i], parts[i + 1])) - merges.begin();
  };
  while (parts.size() > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < parts.size(); ++i) {
      if (rank_at(i) < rank_at(best)) best = i;
    }
    if (rank_at(best) == std::ssize(merges)) break;
    parts[best] += parts[best + 1];
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
  Ids ids;
  for (const std::string& part : parts) {
    const auto merge = std::ranges::find_if(
        merges, [&](const auto& pair) { return pair.first + pair.second == part; });
    ids.push_back(part.size() == 1 ? static_cast<unsigned char>(part[0])
                                   : 256 + (merge - merges.begin()));
  }
  return ids;
}

// The small tokenizer has ignore_merges: a piece that is a token stays whole.
Ids encode_piece(const std::string& piece) {
  const auto& merges = testing::small_merges();
  const auto whole = std::ranges::find_if(
      merges, [&](const auto& pair) { return pair.first + pair.second == piece; });
  return whole == merges.end() ? merge_slowly(piece) : Ids{256 + (whole - merges.begin())};
}

struct Special {
  const char* content;
  std::int64_t id;
};

Ids encode_slowly(const std::string& text) {
  static constexpr Special kSpecials[] = {{"<|begin_of_text|>", testing::SmallSpecials::begin},
                                          {"<|start_header_id|>", testing::SmallSpecials::start},
                                          {"<|end_header_id|>", testing::SmallSpecials::end},
                                          {"<|eot_id|>", testing::SmallSpecials::eot}};
  Ids ids;
  std::string plain;
  const auto flush = [&] {
    for (const std::string& piece : pieces_by_regex(plain)) {
      const Ids more = encode_piece(piece);
      ids.insert(ids.end(), more.begin(), more.end());
    }
    plain.clear();
  };
  for (std::size_t at = 0; at < text.size();) {
    const auto special = std::ranges::find_if(kSpecials, [&](const Special& s) {
      return text.compare(at, std::string_view(s.content).size(), s.content) == 0;
    });
    if (special == std::end(kSpecials)) {
      plain += text[at++];
      continue;
    }
    flush();
    ids.push_back(special->id);
    at += std::string_view(special->content).size();
  }
  flush();
  return ids;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto tokenizer =
      make_bpe_tokenizer(testing::small_tokenizer_json().dump(), "tokenizer.json");
  const std::string text = only_utf8(std::string(reinterpret_cast<const char*>(data), size));
  const Ids ids = tokenizer->encode(text, std::numeric_limits<std::size_t>::max());
  fuzz::property(ids == encode_slowly(text), "fast and slow agree");
  // A text that is cut early is cut, and not another.
  const std::size_t enough = size % 7 + 1;
  const Ids start = tokenizer->encode(text, enough);
  fuzz::property(
      start.size() >= std::min(enough, ids.size()) &&
          std::equal(start.begin(),
                     start.begin() + static_cast<std::ptrdiff_t>(std::min(start.size(), enough)),
                     ids.begin()),
      "what is enough is the start of all");
  return 0;
}
