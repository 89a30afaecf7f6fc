#include "base/net/addresses.h"

#include <algorithm>
#include <string>

namespace wan::net {
namespace {

using namespace boost::asio;

constexpr const char* kSpecial4[] = {"0.0.0.0/8",      "10.0.0.0/8",     "100.64.0.0/10", "127.0.0.0/8",
                                     "169.254.0.0/16", "172.16.0.0/12",  "192.0.0.0/24",  "192.0.2.0/24",
                                     "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
                                     "203.0.113.0/24", "224.0.0.0/4",    "240.0.0.0/4"};
// What is global unicast today, and the special ranges inside of it.
constexpr const char* kGlobal6 = "2000::/3";
constexpr const char* kSpecial6[] = {"2001::/23", "2001:db8::/32", "3fff::/20"};
constexpr const char* kTranslated6 = "64:ff9b::/96";  // RFC 6052: an IPv4 address in the last four bytes
constexpr const char* k6to4 = "2002::/16";            // RFC 3056: one in bytes 2 to 5

bool is_in(const ip::network_v4& network, const ip::address_v4& address) {
  return ip::network_v4(address, network.prefix_length()).network() == network.network();
}

bool is_in(const ip::network_v6& network, const ip::address_v6& address) {
  return ip::network_v6(address, network.prefix_length()).network() == network.network();
}

ip::address_v4 embedded(const ip::address_v6& address, size_t offset) {
  const auto bytes = address.to_bytes();
  ip::address_v4::bytes_type inner{};
  std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), inner.size(), inner.begin());
  return ip::address_v4(inner);
}

bool is_public4(const ip::address_v4& address) {
  return std::ranges::none_of(
      kSpecial4, [&](const char* network) { return is_in(ip::make_network_v4(network), address); });
}

bool is_public6(const ip::address_v6& address) {
  const auto in = [&](const char* network) { return is_in(ip::make_network_v6(network), address); };
  if (address.is_v4_mapped() || in(kTranslated6)) return is_public4(embedded(address, 12));
  if (in(k6to4)) return is_public4(embedded(address, 2));
  return in(kGlobal6) && std::ranges::none_of(kSpecial6, in);
}

// An IPv4 address in IPv6 clothes belongs to IPv4 networks.
ip::address plain(const ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped()) return embedded(address.to_v6(), 12);
  return address;
}

}  // namespace

Result<Network> parse_network(std::string_view text) {
  boost::system::error_code error;
  const std::string whole(text);
  if (text.find('/') == text.npos) {
    const auto address = ip::make_address(whole, error);
    if (!error && address.is_v4()) return ip::network_v4(address.to_v4(), 32);
    if (!error) return ip::network_v6(address.to_v6(), 128);
  } else {
    const auto network4 = ip::make_network_v4(whole, error);
    if (!error) return network4.canonical();
    const auto network6 = ip::make_network_v6(whole, error);
    if (!error) return network6.canonical();
  }
  return fail(invalid_argument("\"" + whole +
                               "\" is not a network; allowed: such as 10.0.0.0/8, fd00::/8 or 192.0.2.7"));
}

bool contains(const Network& network, const ip::address& address) {
  const ip::address one = plain(address);
  if (const auto* network4 = std::get_if<ip::network_v4>(&network))
    return one.is_v4() && is_in(*network4, one.to_v4());
  return one.is_v6() && is_in(std::get<ip::network_v6>(network), one.to_v6());
}

bool is_public(const ip::address& address) {
  return address.is_v4() ? is_public4(address.to_v4()) : is_public6(address.to_v6());
}

bool is_allowed(const ip::address& address, const std::vector<Network>& networks) {
  return is_public(address) ||
         std::ranges::any_of(networks, [&](const Network& network) { return contains(network, address); });
}

}  // namespace wan::net
