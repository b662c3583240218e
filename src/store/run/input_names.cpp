#include "store/run/input_names.h"

#include <algorithm>

namespace llm2clip {

std::string inputs_from_to(std::uint64_t first, std::uint64_t end) {
  if (first + 1 == end) return "input " + std::to_string(first);
  return "inputs " + std::to_string(first) + " to " + std::to_string(end - 1);
}

std::string in_quotes(std::string id) {
  constexpr std::size_t kLongest = 80;
  const auto continues = [&](std::size_t at) {
    return (static_cast<unsigned char>(id[at]) & 0xC0u) == 0x80;
  };
  std::size_t size = std::min(id.size(), kLongest);
  while (size > 0 && size < id.size() && continues(size)) --size;
  const char* const end = size < id.size() ? "...'" : "'";
  id.resize(size);
  for (char& c : id) {
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  }
  return "'" + id + end;
}

}  // namespace llm2clip
