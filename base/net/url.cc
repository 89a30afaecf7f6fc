#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <charconv>

#include "base/net/http.h"
#include "base/text.h"

namespace wan::net {
namespace {

constexpr size_t kMaxUrlBytes = 8192;

std::unexpected<Error> bad_url(std::string_view why) {
  return fail(invalid_argument("URL refused: " + std::string(why)));
}

bool is_all_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == text.npos;
}

// Names whose last label is a number mean an IPv4 address to a URL parser ("127.1", "0x7f.1", "2130706433"):
// only the plain form of four decimal numbers is let through.
bool looks_like_ipv4(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  const size_t dot = host.rfind('.');
  const std::string_view last = dot == host.npos ? host : host.substr(dot + 1);
  return is_all_digits(last) || last.starts_with("0x");
}

Result<std::string> parse_host(std::string_view text) {
  boost::system::error_code error;
  if (text.starts_with('[')) {
    const auto address =
        boost::asio::ip::make_address_v6(std::string(text.substr(1, text.size() - 2)), error);
    if (!text.ends_with(']') || error || text.find('%') != text.npos) {
      return bad_url("the host in brackets is not an IPv6 address");
    }
    return address.to_string();
  }
  std::string host = lower_case(text);
  if (host.empty() || host.size() > 255 || host.front() == '.' || host.find("..") != host.npos ||
      host.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-._") != host.npos) {
    return bad_url("the host may have letters, digits, '-', '_' and '.'");
  }
  if (looks_like_ipv4(host)) {
    const auto address = boost::asio::ip::make_address_v4(host, error);
    if (error || address.to_string() != host)
      return bad_url("the host is not an IPv4 address of four numbers");
  }
  return host;
}

Result<uint16_t> parse_port(std::string_view text) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (!is_all_digits(text) || error != std::errc{} || end != text.data() + text.size() || port < 1 ||
      port > 65535) {
    return bad_url("the port is not a number from 1 to 65535");
  }
  return static_cast<uint16_t>(port);
}

// Where the host ends in "host:port": behind the bracket of an IPv6 address, or at the first colon.
size_t host_length(std::string_view host_and_port) {
  if (!host_and_port.starts_with('[')) return std::min(host_and_port.find(':'), host_and_port.size());
  const size_t bracket = host_and_port.find(']');
  return bracket == host_and_port.npos ? host_and_port.size() : bracket + 1;
}

}  // namespace

Result<Url> parse_url(std::string_view text) {
  if (text.size() > kMaxUrlBytes) return bad_url("it is longer than 8192 characters");
  if (std::ranges::any_of(text, [](char c) { return c <= ' ' || c >= 0x7F || c == '\\' || c == '#'; })) {
    return bad_url("spaces, control characters, '\\', '#' and characters beyond ASCII are not allowed");
  }
  const size_t colon = text.find("://");
  Url url{.scheme = lower_case(text.substr(0, colon))};
  if (colon == text.npos || (url.scheme != "http" && url.scheme != "https")) {
    return bad_url("it does not begin with http:// or https://");
  }
  std::string_view rest = text.substr(colon + 3);
  const size_t target = std::min(rest.find_first_of("/?"), rest.size());
  const std::string_view host_and_port = rest.substr(0, target);
  if (host_and_port.find('@') != host_and_port.npos)
    return bad_url("user names and passwords are not allowed in it");
  const size_t split = host_length(host_and_port);
  WAN_TRY(url.host, parse_host(host_and_port.substr(0, split)));
  url.port = url.scheme == "https" ? 443 : 80;
  if (split < host_and_port.size()) {
    if (host_and_port[split] != ':') return bad_url("something stands between the host and the port");
    WAN_TRY(url.port, parse_port(host_and_port.substr(split + 1)));
  }
  rest.remove_prefix(target);
  url.target = (rest.starts_with('/') ? "" : "/") + std::string(rest);
  return url;
}

std::string authority(const Url& url) {
  const bool ipv6 = url.host.find(':') != std::string::npos;
  return (ipv6 ? "[" + url.host + "]" : url.host) + ":" + std::to_string(url.port);
}

}  // namespace wan::net
