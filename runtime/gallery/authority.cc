#include "runtime/gallery/authority.h"

#include <charconv>

#include "base/json/json.h"
#include "base/net/server.h"

namespace wan::gallery {
namespace {

constexpr std::string_view kBearer = "Bearer ";

net::Response unauthorized(std::string_view message) {
  net::Response response = refusal(401, "Unauthorized", message);
  response.headers.set("WWW-Authenticate", "Bearer");
  return response;
}

}  // namespace

net::Response refusal(unsigned status, std::string_view reason, std::string_view message) {
  const Json body = {{"error", {{"reason", reason}, {"message", message}}}};
  return net::json_response(status, to_text(body));
}

std::expected<std::optional<Capability>, net::Response> authorize(const Authority& authority,
                                                                  const net::Headers& headers,
                                                                  const Need& need, WallTime now) {
  if (authority.is_open()) return std::nullopt;
  const std::string_view header = headers.get("Authorization").value_or("");
  if (!header.starts_with(kBearer)) {
    return std::unexpected(unauthorized("this server needs an Authorization: Bearer capability"));
  }
  const std::string_view token = header.substr(kBearer.size());
  auto capability = verify_capability(token, authority.public_key, authority.audience, now);
  if (!capability) return std::unexpected(unauthorized(capability.error().message));
  if (capability->scope != need.scope) {
    return std::unexpected(refusal(
        403, "Forbidden",
        "the capability's scope is \"" + capability->scope + "\", this needs \"" + need.scope + "\""));
  }
  if (need.subject && capability->subject != *need.subject) {
    return std::unexpected(refusal(403, "Forbidden", "the capability is for another job"));
  }
  if (need.path && capability->path != *need.path) {
    return std::unexpected(refusal(403, "Forbidden", "the capability is for another path"));
  }
  return *std::move(capability);
}

Result<ListenAddress> parse_listen_address(std::string_view text) {
  const size_t colon = text.rfind(':');
  ListenAddress listen;
  const std::string_view port = colon == text.npos ? "" : text.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), listen.port);
  if (port.empty() || error != std::errc{} || end != port.data() + port.size()) {
    return fail(invalid_argument("--listen: \"" + std::string(text) +
                                 "\" is not ADDRESS:PORT, for example 0.0.0.0:8080 or [::1]:8080"));
  }
  std::string_view address = text.substr(0, colon);
  if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
  listen.address = address.empty() ? "0.0.0.0" : address;
  return listen;
}

bool is_loopback(std::string_view address) {
  return address == "::1" || address == "localhost" || address.starts_with("127.");
}

Result<ListenAddress> choose_listen_address(std::string_view text, const Authority& authority) {
  if (text.empty()) return ListenAddress{authority.is_open() ? "127.0.0.1" : "0.0.0.0", 8080};
  WAN_TRY(ListenAddress listen, parse_listen_address(text));
  if (authority.is_open() && !is_loopback(listen.address)) {
    return fail(invalid_argument("--listen " + std::string(text) +
                                 ": without WAN_CAPABILITY_PUBLIC_KEY anyone who reaches this address could "
                                 "use it; set the key or listen on 127.0.0.1"));
  }
  return listen;
}

}  // namespace wan::gallery
