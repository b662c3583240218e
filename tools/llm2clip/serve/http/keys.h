#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace llm2clip::serve {

/// The keys that open the server.
class Keys {
 public:
  /// None: everybody may come in.
  Keys() = default;
  /// One key a line; empty lines and those that begin with # are none. Throws Error(io) for a file
  /// that cannot be read, Error(invalid_argument) for one without keys or with one that is shorter
  /// than 16 or longer than 256 characters, or has others than the visible ones of ASCII.
  static Keys read(const std::filesystem::path& file);

  bool empty() const { return keys_.empty(); }
  /// Whether the value of an Authorization field has one of them: `Bearer KEY`, or `Basic` with it
  /// as the password, which is what browsers ask people for. How long it takes does not tell how
  /// much of a key is right.
  bool open(std::string_view authorization) const;

 private:
  std::vector<std::string> keys_;
};

}  // namespace llm2clip::serve
