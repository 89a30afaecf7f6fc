#pragma once
// Host names to endpoints. Internal to base/net.

#include <boost/asio/ip/tcp.hpp>
#include <string>
#include <vector>

#include "base/async/async.h"
#include "base/clock.h"

namespace wan::net {

// IP addresses resolve at once. kUnavailable for an unknown host, kDeadlineExceeded, kCancelled.
[[nodiscard]] Task<Result<std::vector<asio::ip::tcp::endpoint>>> resolve(std::string host, uint16_t port,
                                                                         SteadyTime deadline);

}  // namespace wan::net
