#pragma once

#include <boost/asio/ip/address.hpp>

namespace llm2clip::serve {

/// Whether an address is one of the internet: not of this machine, of its network, of a provider's
/// inner network, of a group, or of nobody; and none that hides such a one (IPv4 within IPv6).
bool is_public(const boost::asio::ip::address& address);

}  // namespace llm2clip::serve
