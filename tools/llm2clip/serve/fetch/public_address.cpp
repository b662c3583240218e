#include "serve/fetch/public_address.h"

#include <algorithm>
#include <array>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>

namespace ip = boost::asio::ip;

namespace llm2clip::serve {
namespace {

// IANA's registry of special addresses, and groups.
constexpr std::array kSpecialV4 = {
    "0.0.0.0/8",     "10.0.0.0/8",      "100.64.0.0/10",  "127.0.0.0/8",    "169.254.0.0/16",
    "172.16.0.0/12", "192.0.0.0/24",    "192.0.2.0/24",   "192.88.99.0/24", "192.168.0.0/16",
    "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",    "240.0.0.0/4"};

// Of what is handed out at all, 2000::/3: Teredo, documentation, 6to4 and the like.
constexpr const char* kGlobalV6 = "2000::/3";
constexpr std::array kSpecialV6 = {"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"};

bool is_within(const ip::address_v4& address, const char* network) {
  const ip::network_v4 of = ip::make_network_v4(network);
  return ip::network_v4(address, of.prefix_length()).canonical() == of.canonical();
}

bool is_within(const ip::address_v6& address, const char* network) {
  const ip::network_v6 of = ip::make_network_v6(network);
  return ip::network_v6(address, of.prefix_length()).canonical() == of.canonical();
}

}  // namespace

bool is_public(const ip::address& address) {
  const auto is_in = [&](const auto& of, const auto& networks) {
    return std::any_of(networks.begin(), networks.end(),
                       [&](const char* network) { return is_within(of, network); });
  };
  if (address.is_v4()) return !is_in(address.to_v4(), kSpecialV4);
  return is_within(address.to_v6(), kGlobalV6) && !is_in(address.to_v6(), kSpecialV6);
}

}  // namespace llm2clip::serve
