#include "serve/fetch/image_hosts.h"

#include <algorithm>
#include <boost/url/parse.hpp>
#include <boost/url/url.hpp>
#include <cctype>

#include "llm2clip/error.h"
#include "serve/api/api_error.h"

namespace urls = boost::urls;

namespace llm2clip::serve {
namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// As host() has it, but an IPv6 address without its brackets.
std::string host_in(const urls::authority_view& authority) {
  std::string host = lower(authority.host());
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return host;
}

bool is_address(const urls::authority_view& authority) {
  return authority.host_type() == urls::host_type::ipv4 ||
         authority.host_type() == urls::host_type::ipv6;
}

}  // namespace

ApiError not_fetched(const std::string& input, const std::string& why) {
  return bad_request(input, input + ": the image cannot be fetched: " + why);
}

ImageHosts::ImageHosts(const std::vector<std::string>& hosts) {
  for (const std::string& text : hosts) {
    const auto parsed = urls::parse_authority(text);
    const bool good = parsed && !parsed->has_userinfo() && !parsed->host().empty() &&
                      (!parsed->has_port() || parsed->port_number() > 0);
    if (!good) {
      throw Error(ErrorKind::invalid_argument,
                  "--allow-image-hosts: a host or HOST:PORT is expected, not " + text);
    }
    hosts_.push_back({host_in(*parsed), std::string(parsed->port()), is_address(*parsed)});
  }
}

ImageAddress ImageHosts::check(const std::string& url, const std::string& input) const {
  const auto parsed = urls::parse_uri(url);
  if (!parsed) throw not_fetched(input, "its address is none");
  const bool is_tls = parsed->scheme_id() == urls::scheme::https;
  if (!is_tls && parsed->scheme_id() != urls::scheme::http) {
    throw not_fetched(input, "only http and https are spoken");
  }
  if (parsed->host().empty()) throw not_fetched(input, "its address has no host");
  if (parsed->has_userinfo()) throw not_fetched(input, "its address has a user in it");
  const std::string usual = is_tls ? "443" : "80";
  ImageAddress address{.is_tls = is_tls,
                       .host = host_in(parsed->authority()),
                       .port = parsed->has_port() ? std::string(parsed->port()) : usual,
                       .target = std::string(parsed->encoded_target())};
  if (!address.target.starts_with('/')) address.target.insert(0, "/");
  const auto found = std::find_if(hosts_.begin(), hosts_.end(), [&](const Host& host) {
    return host.name == address.host && address.port == (host.port.empty() ? usual : host.port);
  });
  if (found == hosts_.end()) throw not_fetched(input, "its host is not one of --allow-image-hosts");
  address.is_listed_address = found->is_address;
  return address;
}

std::string redirected(const std::string& url, const std::string& location,
                       const std::string& input) {
  const auto base = urls::parse_uri(url);
  const auto reference = urls::parse_uri_reference(location);
  urls::url resolved;
  if (!base || !reference || !urls::resolve(*base, *reference, resolved)) {
    throw not_fetched(input, "it is redirected to no address");
  }
  return std::string(resolved.buffer());
}

}  // namespace llm2clip::serve
