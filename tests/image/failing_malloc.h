#pragma once

#include <cstddef>

namespace llm2clip::testing {

/// Makes the malloc of this program fail in this thread until the end of its scope: that is what
/// the codecs and operator new call. Not in builds with a sanitizer, which have a malloc of their
/// own.
class FailingMalloc {
 public:
  /// Call number `first`, from 0, of those for `least` bytes or more; `all`: and each later one.
  FailingMalloc(std::size_t first, std::size_t least, bool all);
  ~FailingMalloc();
  FailingMalloc(const FailingMalloc&) = delete;
  FailingMalloc& operator=(const FailingMalloc&) = delete;

  /// Whether a call has failed.
  bool failed() const;
};

/// False where the malloc of this program cannot be replaced.
bool can_fail_malloc();

}  // namespace llm2clip::testing
