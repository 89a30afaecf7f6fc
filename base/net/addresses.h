#pragma once
// Which addresses a request may go to whose URL somebody else has chosen. Pure.

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace wan::net {

using Network = std::variant<boost::asio::ip::network_v4, boost::asio::ip::network_v6>;

// "10.0.0.0/8", "fd00::/8", or an address for itself alone.
[[nodiscard]] Result<Network> parse_network(std::string_view text);
[[nodiscard]] bool contains(const Network& network, const boost::asio::ip::address& address);

// Reachable from anywhere, by the special-purpose registries of IANA (RFC 6890): nobody's own network,
// loopback, link (where clouds answer pods with credentials), multicast or documentation. An IPv4 address
// inside an IPv6 one (RFC 4291 2.5.5, RFC 6052, RFC 3056) counts as what it is.
[[nodiscard]] bool is_public(const boost::asio::ip::address& address);

// Public, or in one of the networks.
[[nodiscard]] bool is_allowed(const boost::asio::ip::address& address, const std::vector<Network>& networks);

}  // namespace wan::net
