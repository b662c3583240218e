#include "base/sha256.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <new>
#include <span>

#include "base/check.h"
#include "base/file_calls.h"

namespace llm2clip {

Sha256::Sha256() : context_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
  if (!context_) throw std::bad_alloc();
  start();
}

void Sha256::start() {
  LLM2CLIP_CHECK(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
}

void Sha256::add(const void* bytes, std::size_t count) {
  LLM2CLIP_CHECK(EVP_DigestUpdate(context_.get(), bytes, count) == 1);
}

std::string Sha256::hex() {
  std::array<unsigned char, 32> digest{};
  LLM2CLIP_CHECK(EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) == 1);
  start();
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : digest) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::string sha256_of(std::string_view bytes) {
  Sha256 sha256;
  sha256.add(bytes);
  return sha256.hex();
}

std::string sha256_of_bytes(std::span<const std::byte> bytes,
                            const std::function<void()>& before_block) {
  constexpr std::size_t kBlock = 8u << 20;
  Sha256 sha256;
  for (std::size_t start = 0; start < bytes.size(); start += kBlock) {
    if (before_block) before_block();
    const auto block = bytes.subspan(start, std::min(kBlock, bytes.size() - start));
    sha256.add(block.data(), block.size());
  }
  return sha256.hex();
}

std::string sha256_of_file(const std::filesystem::path& path,
                           const std::function<void()>& before_block) {
  Sha256 sha256;
  read_blocks(path, [&](std::span<const std::byte> block) {
    if (before_block) before_block();
    sha256.add(block.data(), block.size());
  });
  return sha256.hex();
}

}  // namespace llm2clip
