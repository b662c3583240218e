#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace llm2clip::serve {

/// What a client may send, and how long it may take.
inline constexpr std::uint32_t kMostHeadBytes = 16u << 10;
inline constexpr std::size_t kMostFields = 100;
inline constexpr std::uint64_t kMostBodyBytes = 32u << 20;
inline constexpr std::size_t kFirstBytes = 4u << 10;  ///< held for a connection that is idle
inline constexpr std::size_t kReadBytes = 64u << 10;  ///< at once

inline constexpr std::chrono::seconds kIdleTime{75};    ///< between requests
inline constexpr std::chrono::seconds kHeadTime{10};    ///< from a head's first byte to its last
inline constexpr std::chrono::seconds kBodyTime{60};    ///< for a body
inline constexpr std::chrono::seconds kAnswerTime{60};  ///< for the client to take an answer
inline constexpr std::chrono::seconds kFetchTime{20};   ///< for the images that it names
inline constexpr std::chrono::seconds kLingerTime{2};   ///< for it to read a refusal

}  // namespace llm2clip::serve
