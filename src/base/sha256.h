#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace llm2clip {

/// SHA-256 of bytes that come one after the other.
class Sha256 {
 public:
  Sha256();

  void add(const void* bytes, std::size_t count);
  void add(std::string_view text) { add(text.data(), text.size()); }
  /// 64 hex digits. The object starts anew.
  std::string hex();

 private:
  void start();

  std::unique_ptr<evp_md_ctx_st, void (*)(evp_md_ctx_st*)> context_;
};

/// SHA-256 of a file's content, 64 hex digits. Throws Error(io), and what `before_block` throws,
/// which is called before each of the blocks that are read.
std::string sha256_of_file(const std::filesystem::path& path,
                           const std::function<void()>& before_block = {});

/// The same of bytes in memory.
std::string sha256_of_bytes(std::span<const std::byte> bytes,
                            const std::function<void()>& before_block = {});

/// SHA-256 of bytes in memory, 64 hex digits.
std::string sha256_of(std::string_view bytes);

}  // namespace llm2clip
