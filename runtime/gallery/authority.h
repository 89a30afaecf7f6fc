#pragma once
// Who may ask: the check of `Authorization: Bearer CAPABILITY` that the artifact server and the runtime
// share.

#include <expected>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/crypto/capability.h"
#include "base/net/http.h"

namespace wan::gallery {

struct Authority {
  std::string public_key;  // base64 of 32 bytes; "": no capabilities (only ever on a loopback address)
  std::string audience;    // who we are
  [[nodiscard]] bool is_open() const { return public_key.empty(); }
};

// What a request needs to be allowed to.
struct Need {
  std::string scope;
  std::optional<std::string> subject;
  std::optional<std::string> path;
};

// The request's capability, or the answer to give instead: 401 Unauthorized for a missing, malformed, expired
// or foreign one, 403 Forbidden for a good one that is for something else. nullopt when the authority is
// open.
[[nodiscard]] std::expected<std::optional<Capability>, net::Response> authorize(const Authority& authority,
                                                                                const net::Headers& headers,
                                                                                const Need& need,
                                                                                WallTime now);

// {"error":{"reason":..,"message":..}}
[[nodiscard]] net::Response refusal(unsigned status, std::string_view reason, std::string_view message);

struct ListenAddress {
  std::string address;
  uint16_t port = 0;
};
// "0.0.0.0:8080", "[::]:8080", ":8080"; port 0 lets the kernel choose.
[[nodiscard]] Result<ListenAddress> parse_listen_address(std::string_view text);
[[nodiscard]] bool is_loopback(std::string_view address);
// Where to listen: `text`, or port 8080 of every address with a key and of 127.0.0.1 without.
// kInvalidArgument for an address that others can reach when there is no key to check them with.
[[nodiscard]] Result<ListenAddress> choose_listen_address(std::string_view text, const Authority& authority);

}  // namespace wan::gallery
