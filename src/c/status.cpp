#include "c/status.h"

#include <new>
#include <stdexcept>
#include <system_error>

#include "c/handles.h"
#include "llm2clip/error.h"
#include "llm2clip/threads.h"
#include "llm2clip/version.h"

namespace llm2clip::c {
namespace {

// What llm2clip_error_message shows: a string, or the literal for when no string can be had.
struct LastError {
  std::string text;
  const char* shown = "";

  void set(const char* message) noexcept {
    try {
      text = message;
      shown = text.c_str();
    } catch (...) {
      shown = "out of memory";
    }
  }
};

LastError& last_error() noexcept {
  thread_local LastError error;
  return error;
}

llm2clip_status status_of(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::invalid_argument:
      return LLM2CLIP_INVALID_ARGUMENT;
    case ErrorKind::unreadable_input:
      return LLM2CLIP_UNREADABLE_INPUT;
    case ErrorKind::bad_model:
      return LLM2CLIP_BAD_MODEL;
    case ErrorKind::unavailable:
      return LLM2CLIP_UNAVAILABLE;
    case ErrorKind::out_of_memory:
      return LLM2CLIP_OUT_OF_MEMORY;
    case ErrorKind::io:
      return LLM2CLIP_IO;
  }
  return LLM2CLIP_INTERNAL;
}

}  // namespace

llm2clip_status status_of_current_exception() noexcept {
  try {
    throw;
  } catch (const Error& error) {
    last_error().set(error.what());
    return status_of(error.kind());
  } catch (const std::bad_alloc&) {
    last_error().set("out of memory");
    return LLM2CLIP_OUT_OF_MEMORY;
  } catch (const std::length_error&) {  // a count that no memory can hold
    last_error().set("out of memory");
    return LLM2CLIP_OUT_OF_MEMORY;
  } catch (const std::system_error& error) {
    last_error().set(error.what());
    return LLM2CLIP_IO;
  } catch (const std::exception& error) {
    last_error().set(error.what());
  } catch (...) {
    last_error().set("something that is no std::exception was thrown");
  }
  return LLM2CLIP_INTERNAL;
}

void refuse(const char* argument, const std::string& why) {
  throw Error(ErrorKind::invalid_argument, std::string(argument) + ": " + why);
}

void cancel() { throw Error(ErrorKind::invalid_argument, "cancelled"); }

}  // namespace llm2clip::c

using namespace llm2clip::c;

const char* llm2clip_error_message(void) { return last_error().shown; }

const char* llm2clip_status_name(llm2clip_status status) {
  switch (status) {
    case LLM2CLIP_OK:
      return "ok";
    case LLM2CLIP_INVALID_ARGUMENT:
      return "invalid argument";
    case LLM2CLIP_UNREADABLE_INPUT:
      return "unreadable input";
    case LLM2CLIP_BAD_MODEL:
      return "bad model";
    case LLM2CLIP_UNAVAILABLE:
      return "unavailable";
    case LLM2CLIP_OUT_OF_MEMORY:
      return "out of memory";
    case LLM2CLIP_IO:
      return "io";
    case LLM2CLIP_INTERNAL:
      return "internal";
  }
  return "unknown status";
}

const char* llm2clip_version(void) { return llm2clip::kVersion; }

size_t llm2clip_live_handles(void) { return live_handles(); }

llm2clip_status llm2clip_set_threads(int32_t threads) {
  return guarded([&] { llm2clip::set_threads(threads); });
}
