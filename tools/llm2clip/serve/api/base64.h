#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace llm2clip::serve {

/// The bytes of base64 as RFC 4648 has it, with padding and nothing else in it. Empty: it is none.
std::optional<std::vector<std::uint8_t>> decode_base64(std::string_view text);

}  // namespace llm2clip::serve
