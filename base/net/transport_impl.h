#pragma once
// One connection as bytes, plain or TLS, with a deadline on every operation. Internal to base/net.

#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <string_view>

#include "base/async/async.h"
#include "base/clock.h"
#include "base/net/http.h"
#include "base/net/tls_impl.h"

namespace wan::net {

// How long one operation may take: until `until`, and without progress for `idle` at most.
struct Patience {
  SteadyTime until = SteadyTime::max();
  std::chrono::milliseconds idle = std::chrono::hours(24);

  [[nodiscard]] static Patience for_all(std::chrono::milliseconds total);
  [[nodiscard]] static Patience between(std::chrono::milliseconds idle) { return {.idle = idle}; }
  [[nodiscard]] SteadyTime next_deadline() const;
  [[nodiscard]] Patience at_most(std::chrono::milliseconds total) const;
};

// After an error other than from shutdown() the connection is of no further use. Errors: kDeadlineExceeded,
// kCancelled, kUnavailable (reset, or cut without a TLS close), kCorrupt (TLS).
class Transport {
 public:
  virtual ~Transport() = default;  // closes
  // At least one byte into [data, data + size); 0: the other side has ended orderly.
  [[nodiscard]] virtual Task<Result<size_t>> read_some(char* data, size_t size, Patience patience) = 0;
  [[nodiscard]] virtual Task<Status> write(std::string_view bytes, Patience patience) = 0;
  // Says that nothing more will be written (FIN, or a TLS close_notify awaited for `limit`); result ignored.
  [[nodiscard]] virtual Task<void> shutdown(std::chrono::milliseconds limit) = 0;
  // Open, and neither bytes nor an end are waiting: fit for another request.
  [[nodiscard]] virtual bool is_quiet() = 0;
  // Ends operations that are under way with kCancelled.
  virtual void close() = 0;
};

[[nodiscard]] std::unique_ptr<Transport> make_transport(asio::ip::tcp::socket socket);

using AddressFilter = std::function<bool(const asio::ip::address&)>;

// Resolves, tries each address that `allows` lets through (unset: each), has `proxy` make the tunnel if there
// is one, and makes the TLS handshake if `tls` is set.
[[nodiscard]] Task<Result<std::unique_ptr<Transport>>> connect(Url origin, std::optional<Url> proxy,
                                                               std::shared_ptr<TlsContext> tls,
                                                               AddressFilter allows, Patience patience);

}  // namespace wan::net
