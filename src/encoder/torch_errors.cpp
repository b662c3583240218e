#include "encoder/torch_errors.h"

#include <c10/util/Exception.h>

#include <new>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/errors_only.h"

namespace llm2clip {
namespace {

// The CPU's allocator has no error type of its own.
bool tells_of_memory(std::string_view words) {
  return words.find("DefaultCPUAllocator: ") != std::string_view::npos ||
         words.find("out of memory") != std::string_view::npos;
}

}  // namespace

void rethrow_torch_error(const char* subject) {
  try {
    throw;
  } catch (const c10::Error& error) {
    const std::string words = error.what_without_backtrace();
    if (tells_of_memory(words)) throw_out_of_memory(subject);
    throw Error(ErrorKind::bad_model,
                std::string(subject) + ": LibTorch: " + words.substr(0, words.find('\n')));
  } catch (const std::bad_alloc&) {
    throw_out_of_memory(subject);
  } catch (const std::length_error&) {
    throw_out_of_memory(subject);
  }
}

}  // namespace llm2clip
