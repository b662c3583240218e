#pragma once

#include <cstddef>
#include <functional>

namespace llm2clip {

/// How many there are.
std::size_t processors();

/// Calls `work(thread, item)` for each of `count` items, in `threads` threads of which the caller's
/// is thread 0; each takes the next item when it has done one. What one throws is thrown when all
/// have ended.
void for_each_item(std::size_t count, std::size_t threads,
                   const std::function<void(std::size_t thread, std::size_t item)>& work);

}  // namespace llm2clip
