#include "c/handles.h"

#include <array>
#include <cstdint>
#include <mutex>
#include <unordered_map>

namespace llm2clip::c {
namespace {

constexpr std::array<const char*, 15> kKindNames = {
    "model",      "image",   "tokenizer", "tokens",       "embeddings",
    "classifier", "report",  "bytes",     "npy_writer",   "strings",
    "run",        "summary", "index",     "index_writer", "hits"};

const char* name_of(HandleKind kind) { return kKindNames[static_cast<std::size_t>(kind)]; }

struct Entry {
  HandleKind kind;
  std::shared_ptr<void> object;
};

struct Table {
  std::mutex mutex;
  std::uintptr_t last = 0;
  std::unordered_map<Ticket, Entry> entries;

  using Position = std::unordered_map<Ticket, Entry>::iterator;

  Position find(Ticket ticket, HandleKind kind, const char* argument) {
    if (!ticket) refuse(argument, "NULL where a handle is expected");
    const Position found = entries.find(ticket);
    if (found == entries.end()) {
      refuse(argument, std::string("no live handle; the ") + name_of(kind) +
                           " was freed before, or this is no handle");
    }
    if (found->second.kind != kind) {
      refuse(argument, std::string("a handle of kind ") + name_of(found->second.kind) + " where " +
                           name_of(kind) + " is expected");
    }
    return found;
  }
};

// Never destroyed: programs may free their handles in destructors that run at exit.
Table& table() {
  static Table* const only = new Table;
  return *only;
}

}  // namespace

Ticket add_to_table(HandleKind kind, std::shared_ptr<void> object) {
  const std::scoped_lock lock(table().mutex);
  const auto ticket = reinterpret_cast<Ticket>(table().last + 1);  // NOLINT: never followed
  table().entries.emplace(ticket, Entry{kind, std::move(object)});
  ++table().last;
  return ticket;
}

std::shared_ptr<void> find_in_table(Ticket ticket, HandleKind kind, const char* argument) {
  const std::scoped_lock lock(table().mutex);
  return table().find(ticket, kind, argument)->second.object;
}

std::shared_ptr<void> take_from_table(Ticket ticket, HandleKind kind) {
  const std::scoped_lock lock(table().mutex);
  const auto found = table().find(ticket, kind, "handle");
  std::shared_ptr<void> object = std::move(found->second.object);
  table().entries.erase(found);
  return object;
}

std::size_t live_handles() noexcept {
  const std::scoped_lock lock(table().mutex);
  return table().entries.size();
}

}  // namespace llm2clip::c

using namespace llm2clip::c;

llm2clip_status llm2clip_bytes_view(const llm2clip_bytes* bytes, const char** data,
                                    size_t* length) {
  return guarded([&] {
    const auto text = object_of(bytes, "bytes");
    if (data) *data = text->c_str();
    if (length) *length = text->size();
  });
}

llm2clip_status llm2clip_bytes_free(llm2clip_bytes* bytes) { return free_handle(bytes); }
