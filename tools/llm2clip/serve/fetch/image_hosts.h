#pragma once

#include <string>
#include <vector>

#include "serve/api/api_error.h"

namespace llm2clip::serve {

/// Where an image is, taken apart.
struct ImageAddress {
  bool is_tls = false;
  std::string host;                ///< a name, or an address without brackets
  std::string port;                ///< digits
  std::string target;              ///< path and query
  bool is_listed_address = false;  ///< the host is an address that was listed as such
};

/// 400, naming the input: "INPUT: the image cannot be fetched: WHY".
ApiError not_fetched(const std::string& input, const std::string& why);

/// Hosts that images may be fetched from: those of --allow-image-hosts, and no others.
class ImageHosts {
 public:
  /// "images.example.org", "10.0.0.7", "images.example.org:8443", "[fd00::1]:80". Without a port,
  /// that of the scheme. Throws Error(invalid_argument) for what is no host.
  explicit ImageHosts(const std::vector<std::string>& hosts);

  bool empty() const { return hosts_.empty(); }
  /// Throws ApiError(400), naming the input, for what is no address of http or https, has a name
  /// and a password in it, or is on no host of the list.
  ImageAddress check(const std::string& url, const std::string& input) const;

 private:
  struct Host {
    std::string name;  // in small letters
    std::string port;  // empty: that of the scheme
    bool is_address;
  };
  std::vector<Host> hosts_;
};

/// The address that `location` means on a page at `url`. Throws ApiError(400) for none.
std::string redirected(const std::string& url, const std::string& location,
                       const std::string& input);

}  // namespace llm2clip::serve
