#include "serve/http/hosts.h"

#include <algorithm>
#include <cctype>

namespace llm2clip::serve {
namespace {

std::string lower(std::string_view text) {
  std::string small(text);
  std::transform(small.begin(), small.end(), small.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return small;
}

std::string without_port(std::string_view host) {
  if (host.starts_with('[')) return lower(host.substr(0, host.find(']') + 1));
  return lower(host.substr(0, host.find(':')));
}

bool is_loopback_address(std::string_view host) {
  return host.starts_with("127.") &&
         host.find_first_not_of("0123456789.") == std::string_view::npos;
}

}  // namespace

bool is_same_origin(std::string_view origin, std::string_view host) {
  if (origin.empty()) return true;
  const std::string page = lower(origin);
  const std::string here = lower(host);
  return page == "http://" + here || page == "https://" + here;
}

bool is_of_other_page(std::string_view fetch_site, std::string_view fetch_mode) {
  const bool other = fetch_site == "cross-site" || fetch_site == "same-site";
  return other && fetch_mode != "navigate";
}

bool is_local_host(std::string_view host, std::string_view own) {
  const std::string name = without_port(host);
  return name == "localhost" || name == "[::1]" || is_loopback_address(name) || name == lower(own);
}

}  // namespace llm2clip::serve
