#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "index/manifest.h"
#include "index/segment.h"

namespace llm2clip {

/// What an index knows of a container, all inputs of which have rows.
struct Container {
  InputDigest digest = {};
  std::uint64_t inputs = 0;

  bool operator==(const Container&) const = default;
};

/// By name.
using Containers = std::map<std::string, Container, std::less<>>;

/// What a writer knows of containers: files of several inputs, whose ids are the container's name
/// and more behind a '/' or '#'. One that is remembered need not be read again to know that nothing
/// in it has changed.
class ContainerBook {
 public:
  /// What the index remembers. Throws Error(unreadable_input) for a damaged file.
  void read(const std::filesystem::path& folder, const std::optional<IndexFile>& file);
  /// Whether write() would give another file than that of the index.
  bool changed() const { return changed_; }
  /// The file of what is remembered now, where there is anything.
  std::optional<IndexFile> write(const std::filesystem::path& folder, std::uint64_t number) const;
  /// The index has the file that was written last.
  void committed() { changed_ = false; }

  /// How many inputs it has, where it is remembered as it is now; it counts as listed then.
  std::optional<std::uint64_t> list(std::string_view name, const InputDigest& digest);
  /// All its inputs were given.
  void end(std::string_view name, const Container& container);
  /// Remembers those that have ended and none of whose inputs `is_under_way`.
  void settle(const std::function<bool(std::string_view name)>& is_under_way);
  /// Whether the id may be of a container that was listed.
  bool lists(std::string_view id) const;
  /// An input has no row: the container that it may be of is not whole.
  void spoil(std::string_view id);
  /// An input is not there any more: nor is its container, unless it was read since.
  void forget(std::string_view id);

 private:
  using Names = std::set<std::string, std::less<>>;

  void erase(std::string_view name);

  Containers remembered_;
  Containers ended_;  // whose rows may be under way
  bool changed_ = false;
  // Since the writer was made.
  Names listed_;
  Names read_;
  Names spoiled_;
};

/// Whether `id` may be of the container `name`.
bool is_of_container(std::string_view id, std::string_view name);

}  // namespace llm2clip
