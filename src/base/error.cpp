#include "llm2clip/error.h"

#include "base/names.h"

namespace llm2clip {
namespace {

constexpr std::array<Named<ErrorKind>, 7> kKinds = {
    {{ErrorKind::invalid_argument, "invalid_argument"},
     {ErrorKind::unreadable_input, "unreadable_input"},
     {ErrorKind::bad_model, "bad_model"},
     {ErrorKind::unavailable, "unavailable"},
     {ErrorKind::out_of_memory, "out_of_memory"},
     {ErrorKind::io, "io"},
     {ErrorKind::cancelled, "cancelled"}}};

}  // namespace

const char* to_string(ErrorKind kind) { return name_of(kKinds, kind); }

template <>
ErrorKind from_string(std::string_view name) {
  return value_of(kKinds, "error kind", name);
}

}  // namespace llm2clip
