#include "index/containers.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "index/index_file.h"

namespace llm2clip {
namespace {

namespace fs = std::filesystem;

// Before the name of each container in the file.
struct Head {
  std::uint64_t name_bytes;
  std::uint64_t inputs;
  InputDigest digest;
};
static_assert(sizeof(Head) == 32);

// Every name that a container of `id` could have.
std::vector<std::string_view> containers_of(std::string_view id) {
  std::vector<std::string_view> names;
  for (std::size_t at = id.find_first_of("/#", 1); at != id.npos;
       at = id.find_first_of("/#", at + 1)) {
    names.push_back(id.substr(0, at));
  }
  return names;
}

}  // namespace

bool is_of_container(std::string_view id, std::string_view name) {
  return id.size() > name.size() && id.starts_with(name) &&
         (id[name.size()] == '/' || id[name.size()] == '#');
}

void ContainerBook::read(const fs::path& folder, const std::optional<IndexFile>& recorded) {
  if (!recorded) return;
  const MappedFile file = open_index_file(folder, *recorded, 0);
  std::span<const std::byte> rest = file.bytes();
  verify_index_file(folder, *recorded, rest);
  const auto require = [&](bool condition) {
    if (!condition) refuse_index(folder, recorded->name + " is damaged");
  };
  while (!rest.empty()) {
    Head head;
    require(rest.size() >= sizeof head);
    std::memcpy(&head, rest.data(), sizeof head);
    rest = rest.subspan(sizeof head);
    require(head.name_bytes <= rest.size());
    remembered_.insert_or_assign(
        std::string(reinterpret_cast<const char*>(rest.data()), head.name_bytes),
        Container{head.digest, head.inputs});
    rest = rest.subspan(head.name_bytes);
  }
}

std::optional<IndexFile> ContainerBook::write(const fs::path& folder, std::uint64_t number) const {
  if (remembered_.empty()) return std::nullopt;
  IndexFileWriter file(folder, "containers-" + std::to_string(number));
  for (const auto& [name, container] : remembered_) {
    const Head head{name.size(), container.inputs, container.digest};
    file.write(std::as_bytes(std::span(&head, 1)));
    file.write(std::as_bytes(std::span(name)));
  }
  return file.commit();
}

std::optional<std::uint64_t> ContainerBook::list(std::string_view name, const InputDigest& digest) {
  const auto known = remembered_.find(name);
  if (known == remembered_.end() || known->second.digest != digest) return std::nullopt;
  listed_.emplace(name);
  return known->second.inputs;
}

void ContainerBook::end(std::string_view name, const Container& container) {
  read_.emplace(name);
  if (!spoiled_.contains(name)) ended_.insert_or_assign(std::string(name), container);
}

void ContainerBook::settle(const std::function<bool(std::string_view)>& is_under_way) {
  for (auto ended = ended_.begin(); ended != ended_.end();) {
    if (is_under_way(ended->first)) {
      ++ended;
      continue;
    }
    Container& known = remembered_[ended->first];
    changed_ = changed_ || known != ended->second;
    known = ended->second;
    ended = ended_.erase(ended);
  }
}

bool ContainerBook::lists(std::string_view id) const {
  if (listed_.empty()) return false;
  return std::ranges::any_of(containers_of(id),
                             [&](std::string_view name) { return listed_.contains(name); });
}

void ContainerBook::spoil(std::string_view id) {
  for (const std::string_view name : containers_of(id)) {
    spoiled_.emplace(name);
    erase(name);
    if (const auto ended = ended_.find(name); ended != ended_.end()) ended_.erase(ended);
  }
}

void ContainerBook::forget(std::string_view id) {
  for (const std::string_view name : containers_of(id)) {
    if (!read_.contains(name)) erase(name);
  }
}

void ContainerBook::erase(std::string_view name) {
  const auto known = remembered_.find(name);
  if (known == remembered_.end()) return;
  remembered_.erase(known);
  changed_ = true;
}

}  // namespace llm2clip
