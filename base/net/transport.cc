#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include "base/async/cancellation.h"
#include "base/net/resolve_impl.h"
#include "base/net/transport_impl.h"

namespace wan::net {
namespace {

namespace beast = boost::beast;
using asio::ip::tcp;
using boost::system::error_code;
using Tls = asio::ssl::stream<beast::tcp_stream>;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
constexpr size_t kMaxTunnelHead = 8u << 10;

Error to_error(const error_code& error) {
  if (error == beast::error::timeout) return {ErrorCode::kDeadlineExceeded, "the other side took too long"};
  if (error == asio::error::operation_aborted) return cancelled("cancelled");
  if (error == asio::ssl::error::stream_truncated) return unavailable("the connection was cut");
  if (error.category() == asio::error::get_ssl_category()) return corrupt("TLS: " + error.message());
  if (error == asio::error::no_descriptors || error == asio::error::no_memory) {
    return {ErrorCode::kResourceExhausted, error.message()};
  }
  return unavailable(error.message());
}

// A peer that vanishes without a word is found within a minute or so, on idle connections too.
void detect_dead_peers(tcp::socket& socket) {
  const auto set = [&](int level, int option, int value) {
    ::setsockopt(socket.native_handle(), level, option, &value, sizeof value);
  };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 30);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 10);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, 60'000);
}

beast::tcp_stream& tcp_of(beast::tcp_stream& stream) { return stream; }
beast::tcp_stream& tcp_of(Tls& stream) { return stream.next_layer(); }

template <typename Stream>
class TransportOn final : public Transport {
 public:
  template <typename... Arguments>
  explicit TransportOn(Arguments&&... arguments) : stream_(std::forward<Arguments>(arguments)...) {}

  Stream& stream() { return stream_; }

  Task<Result<size_t>> read_some(char* data, size_t size, Patience patience) override {
    if (is_cancelled(co_await asio::this_coro::cancellation_state)) co_return fail(cancelled("cancelled"));
    tcp_of(stream_).expires_at(patience.next_deadline());
    const auto buffer = asio::buffer(data, size);
    const auto [error, count] = co_await stream_.async_read_some(buffer, kTuple);
    if (error == asio::error::eof) co_return size_t{0};
    if (error) co_return fail(to_error(error));
    co_return count;
  }

  Task<Status> write(std::string_view bytes, Patience patience) override {
    while (!bytes.empty()) {
      if (is_cancelled(co_await asio::this_coro::cancellation_state)) co_return fail(cancelled("cancelled"));
      tcp_of(stream_).expires_at(patience.next_deadline());
      const auto buffer = asio::buffer(bytes.data(), bytes.size());
      const auto [error, count] = co_await stream_.async_write_some(buffer, kTuple);
      if (error) co_return fail(to_error(error));
      bytes.remove_prefix(count);
    }
    co_return Status{};
  }

  Task<void> shutdown(std::chrono::milliseconds limit) override {
    error_code ignored;
    if constexpr (std::is_same_v<Stream, Tls>) {
      if (is_cancelled(co_await asio::this_coro::cancellation_state)) co_return;
      tcp_of(stream_).expires_after(limit);
      co_await stream_.async_shutdown(kTuple);
    } else {
      stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    }
  }

  bool is_quiet() override {
    tcp::socket& socket = tcp_of(stream_).socket();
    char byte = 0;
    return socket.is_open() && ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
           (errno == EAGAIN || errno == EWOULDBLOCK);
  }

  void close() override { tcp_of(stream_).close(); }

 private:
  Stream stream_;
};

Task<Status> connect_to_one(beast::tcp_stream& stream, std::vector<tcp::endpoint> endpoints,
                            SteadyTime deadline) {
  Error last = unavailable("no address");
  for (size_t i = 0; i < endpoints.size(); ++i) {
    if (is_cancelled(co_await asio::this_coro::cancellation_state)) co_return fail(cancelled("cancelled"));
    // An address that swallows packets must leave time for the others.
    const auto now = std::chrono::steady_clock::now();
    const auto share = (deadline - now) / static_cast<int>(endpoints.size() - i);
    stream.expires_at(now + share);
    const auto [error] = co_await stream.async_connect(endpoints[i], kTuple);
    if (!error) co_return Status{};
    last = to_error(error);
    if (last.code == ErrorCode::kCancelled) break;
    stream.close();
  }
  co_return fail(last);
}

Status keep_allowed(std::vector<tcp::endpoint>& endpoints, const AddressFilter& allows) {
  if (!allows) return {};
  std::erase_if(endpoints, [&](const tcp::endpoint& one) { return !allows(one.address()); });
  if (!endpoints.empty()) return {};
  return fail({ErrorCode::kPermissionDenied, "its address is not one that may be asked"});
}

// RFC 9110, 9.3.6. The answer is read byte by byte: what follows it belongs to the server.
Task<Status> open_tunnel(beast::tcp_stream& stream, std::string target, SteadyTime deadline) {
  const std::string request = "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n\r\n";
  stream.expires_at(deadline);
  for (size_t sent = 0; sent < request.size();) {
    if (is_cancelled(co_await asio::this_coro::cancellation_state)) co_return fail(cancelled("cancelled"));
    const auto buffer = asio::buffer(request.data() + sent, request.size() - sent);
    const auto [error, count] = co_await stream.async_write_some(buffer, kTuple);
    if (error) co_return fail(to_error(error));
    sent += count;
  }
  std::string head;
  while (!head.ends_with("\r\n\r\n")) {
    if (head.size() >= kMaxTunnelHead) co_return fail(corrupt("the proxy's answer to CONNECT has no end"));
    if (is_cancelled(co_await asio::this_coro::cancellation_state)) co_return fail(cancelled("cancelled"));
    char byte = 0;
    const auto buffer = asio::buffer(&byte, 1);
    const auto [error, count] = co_await stream.async_read_some(buffer, kTuple);
    if (error) co_return fail(to_error(error));
    head.append(&byte, count);
  }
  const std::string status = head.substr(0, head.find("\r\n"));
  if (status.starts_with("HTTP/1.1 2") || status.starts_with("HTTP/1.0 2")) co_return Status{};
  co_return fail(unavailable("the proxy refuses to CONNECT: " + status.substr(0, 100)));
}

Task<Status> handshake(Tls& stream, std::string name, SteadyTime deadline) {
  const TlsVerifier verifier(name);
  error_code error;
  stream.set_verify_mode(asio::ssl::verify_peer, error);
  if (!error) stream.set_verify_callback(verifier, error);
  if (error) co_return fail(to_error(error));
  WAN_CO_TRY_VOID(set_server_name(stream.native_handle(), name));
  stream.next_layer().expires_at(deadline);
  const auto [failed] = co_await stream.async_handshake(Tls::client, kTuple);
  if (!failed) co_return Status{};
  if (verifier.complaint().empty()) co_return fail(to_error(failed));
  co_return fail(
      corrupt("TLS: the server's certificate is not accepted for " + name + ": " + verifier.complaint()));
}

}  // namespace

Patience Patience::for_all(std::chrono::milliseconds total) {
  return {.until = std::chrono::steady_clock::now() + bounded(total)};
}

SteadyTime Patience::next_deadline() const {
  return std::min(until, std::chrono::steady_clock::now() + bounded(idle));
}

Patience Patience::at_most(std::chrono::milliseconds total) const {
  return {.until = std::min(until, for_all(total).until), .idle = idle};
}

std::unique_ptr<Transport> make_transport(tcp::socket socket) {
  detect_dead_peers(socket);
  return std::make_unique<TransportOn<beast::tcp_stream>>(std::move(socket));
}

Task<Result<std::unique_ptr<Transport>>> connect(Url origin, std::optional<Url> proxy,
                                                 std::shared_ptr<TlsContext> tls, AddressFilter allows,
                                                 Patience patience) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  const SteadyTime deadline = patience.next_deadline();
  if (is_cancelled(co_await asio::this_coro::cancellation_state)) co_return fail(cancelled("cancelled"));
  const Url& next = proxy ? *proxy : origin;
  WAN_CO_TRY(std::vector<tcp::endpoint> endpoints, co_await resolve(next.host, next.port, deadline));
  WAN_CO_TRY_VOID(keep_allowed(endpoints, allows));

  beast::tcp_stream stream(executor);
  const Status connected = co_await connect_to_one(stream, std::move(endpoints), deadline);
  if (!connected) co_return fail(connected.error());
  detect_dead_peers(stream.socket());
  if (proxy) {
    WAN_CO_TRY_VOID(co_await open_tunnel(stream, authority(origin), deadline));
  }
  if (!tls) co_return std::make_unique<TransportOn<beast::tcp_stream>>(std::move(stream));

  auto secured = std::make_unique<TransportOn<Tls>>(std::move(stream), tls->context);
  const Status shaken =
      co_await handshake(secured->stream(), tls->server_name.value_or(origin.host), deadline);
  if (!shaken) co_return fail(shaken.error());
  co_return secured;
}

}  // namespace wan::net
