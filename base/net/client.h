#pragma once
// HTTP/1.1 client: pooled keep-alive connections to one origin, optional TLS, every await under a deadline.
// Errors: kUnavailable (connect, reset, DNS), kDeadlineExceeded, kCorrupt (framing, TLS), kResourceExhausted
// (limits), kCancelled. A status code of any kind is a Response, not an Error.

#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>

#include "base/async/async.h"
#include "base/net/http.h"
#include "base/net/tls.h"

namespace wan::net {

struct ClientSettings {
  std::chrono::milliseconds connect_timeout{10'000};
  size_t max_idle_connections = 8;
  std::chrono::seconds idle_timeout{50};
  size_t max_response_bytes = 64u << 20;
  std::optional<Url> proxy;  // http: asked to CONNECT to the origin, for every connection
  // Where a connection may go, if set: of the host's addresses only those that it allows are tried, however
  // the name may resolve a moment later. kPermissionDenied where none is left.
  std::function<bool(const asio::ip::address&)> allows_address;
};

// A response whose body is read piece by piece, as it arrives. Destroying it closes the connection unless the
// body was read to its end.
class ResponseStream {
 public:
  virtual ~ResponseStream() = default;
  [[nodiscard]] virtual const Response& head() const = 0;  // status and headers; body empty
  // Appends what has arrived to `out` (at least one byte). false: the body is complete, nothing appended.
  [[nodiscard]] virtual Task<Result<bool>> read_some(std::string& out,
                                                     std::chrono::milliseconds idle_timeout) = 0;
};

class Client {
 public:
  // `origin`: scheme, host and port are used. `tls` matters for https only.
  Client(asio::any_io_executor executor, Url origin, TlsClientSettings tls = {},
         ClientSettings settings = {});
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Sends and reads the whole response within `timeout`. A kept-alive connection that turns out dead before
  // any response byte is replaced once, for GET, HEAD, PUT, DELETE, and PATCH with an apply content type.
  [[nodiscard]] Task<Result<Response>> send(Request request, std::chrono::milliseconds timeout);
  // As send(), the body read from a file of known size with Content-Length; for artifacts.
  [[nodiscard]] Task<Result<Response>> send_file(Request request, std::filesystem::path body,
                                                 std::chrono::milliseconds idle_timeout);
  // Sends, reads the headers within `timeout`, hands the body over as a stream on a connection of its own
  // (TCP keepalive and TCP_USER_TIMEOUT set, no total limit).
  [[nodiscard]] Task<Result<std::unique_ptr<ResponseStream>>> open(Request request,
                                                                   std::chrono::milliseconds timeout);
  // Replaces the TLS material for new connections (CA or certificate rotation); idle ones are closed.
  void set_tls(TlsClientSettings tls);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace wan::net
