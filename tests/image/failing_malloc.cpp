#include "failing_malloc.h"

#include <cerrno>
#include <cstdint>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
#define LLM2CLIP_OWN_MALLOC 0
#else
#define LLM2CLIP_OWN_MALLOC 1
#endif

namespace llm2clip::testing {
namespace {

struct State {
  bool armed = false;
  bool all = false;
  bool failed = false;
  std::size_t left = 0;  // calls that succeed before the first that fails
  std::size_t least = 0;
};

thread_local State state;

}  // namespace

FailingMalloc::FailingMalloc(std::size_t first, std::size_t least, bool all) {
  state = {.armed = true, .all = all, .failed = false, .left = first, .least = least};
}

FailingMalloc::~FailingMalloc() { state.armed = false; }

bool FailingMalloc::failed() const { return state.failed; }

bool can_fail_malloc() { return LLM2CLIP_OWN_MALLOC != 0; }

#if LLM2CLIP_OWN_MALLOC

// Whether this call is to fail. Allocates nothing.
bool refuses(std::size_t bytes) {
  if (!state.armed || bytes < state.least) return false;
  if (state.left != 0) {
    --state.left;
    return false;
  }
  if (state.failed && !state.all) return false;
  state.failed = true;
  errno = ENOMEM;
  return true;
}

#endif

}  // namespace llm2clip::testing

#if LLM2CLIP_OWN_MALLOC

extern "C" {

void* __libc_malloc(std::size_t bytes);
void* __libc_calloc(std::size_t count, std::size_t bytes);
void* __libc_realloc(void* old, std::size_t bytes);

void* malloc(std::size_t bytes) {
  return llm2clip::testing::refuses(bytes) ? nullptr : __libc_malloc(bytes);
}

void* calloc(std::size_t count, std::size_t bytes) {
  return llm2clip::testing::refuses(count * bytes) ? nullptr : __libc_calloc(count, bytes);
}

void* realloc(void* old, std::size_t bytes) {
  return llm2clip::testing::refuses(bytes) ? nullptr : __libc_realloc(old, bytes);
}

}  // extern "C"

#endif
