#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ssl/context.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "serve/fetch/image_hosts.h"
#include "serve/work/budget.h"

namespace llm2clip::serve {

/// What the images of one request may take together.
struct FetchLimits {
  Budget::Share& memory;
  std::chrono::steady_clock::time_point end;
  std::uint64_t bytes;  ///< that are left
};

/// Fetches images from the hosts of --allow-image-hosts. A name is resolved once, each address that
/// it has must be public, and one of these is connected to; a redirection is checked as the address
/// before it. Certificates are those that the system trusts, for the very name.
class ImageFetcher {
 public:
  /// Throws Error(invalid_argument) for what is no host.
  explicit ImageFetcher(const std::vector<std::string>& hosts);

  bool is_allowed() const { return !hosts_.empty(); }
  /// The file at `url`. `input` is what messages call it. Throws ApiError: 400 for one that is not
  /// to be had, 413 for more bytes than are left, 429 where memory does not suffice.
  /// Runs on an executor of its own kind: a strand.
  boost::asio::awaitable<std::vector<std::uint8_t>> fetch(std::string url, std::string input,
                                                          FetchLimits& limits);

 private:
  ImageHosts hosts_;
  boost::asio::ssl::context tls_;
};

}  // namespace llm2clip::serve
