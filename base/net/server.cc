#include "base/net/server.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>

#include "base/async/cancellation.h"
#include "base/log.h"
#include "base/net/session_impl.h"

namespace wan::net {
namespace {

using asio::ip::tcp;
using boost::system::error_code;

constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr std::string_view kBusy =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\nConnection: close\r\n\r\n";

// One attempt that never waits: whoever overloads the server gets no more of its time.
void turn_away(tcp::socket socket) {
  error_code ignored;
  socket.non_blocking(true, ignored);
  socket.write_some(asio::buffer(kBusy), ignored);
  socket.shutdown(tcp::socket::shutdown_send, ignored);
}

Status listen(tcp::acceptor& acceptor, const ServerSettings& settings) {
  error_code error;
  const auto address = asio::ip::make_address(settings.address, error);
  if (error)
    return fail(invalid_argument("the listen address \"" + settings.address + "\" is not an IP address"));
  const tcp::endpoint endpoint(address, settings.port);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error && address.is_v6()) acceptor.set_option(asio::ip::v6_only(false), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(tcp::acceptor::max_listen_connections, error);
  if (!error) return {};
  error_code ignored;
  acceptor.close(ignored);
  const std::string where = authority({.host = settings.address, .port = settings.port});
  return fail(unavailable("cannot listen on " + where + ": " + error.message()));
}

Task<void> run_session(Sessions& sessions, tcp::socket socket) {
  Session session(sessions, std::move(socket));
  co_await session.run();
}

}  // namespace

struct Server::Impl {
  Impl(const asio::any_io_executor& executor, ServerSettings settings, Handler handler)
      : acceptor(executor),
        sessions(executor, std::move(settings), std::move(handler)),
        accepting(executor),
        serving(executor) {}

  Task<void> accept();
  Task<void> wait_for_sessions(std::chrono::milliseconds grace);

  tcp::acceptor acceptor;
  Sessions sessions;
  TaskGroup accepting, serving;
};

Task<void> Server::Impl::accept() {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  while (!sessions.stopping) {
    tcp::socket socket(executor);
    const auto [error] = co_await acceptor.async_accept(socket, asio::as_tuple(asio::use_awaitable));
    if (is_cancelled(co_await asio::this_coro::cancellation_state) || sessions.stopping) break;
    if (error) {
      // No descriptors left, or a client that left before it was accepted.
      log::warn("accept on port {}: {}", sessions.settings.port, error.message());
      if (!co_await sleep_for(kAcceptPause)) break;
    } else if (serving.size() >= sessions.settings.max_connections) {
      turn_away(std::move(socket));
    } else {
      serving.spawn("http session", run_session(sessions, std::move(socket)));
    }
  }
}

Task<void> Server::Impl::wait_for_sessions(std::chrono::milliseconds grace) {
  const SteadyTime deadline = std::chrono::steady_clock::now() + bounded(grace);
  while (!sessions.open.empty()) {
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left <= left.zero() || !co_await sessions.ended.wait(left)) break;
  }
}

Server::Server(asio::any_io_executor executor, ServerSettings settings, Handler handler)
    : impl_(std::make_shared<Impl>(executor, std::move(settings), std::move(handler))) {}

Server::~Server() = default;

Status Server::start() {
  WAN_TRY_VOID(listen(impl_->acceptor, impl_->sessions.settings));
  impl_->sessions.settings.port = impl_->acceptor.local_endpoint().port();
  impl_->accepting.spawn("http accept", impl_->accept());
  return {};
}

uint16_t Server::port() const { return impl_->sessions.settings.port; }

Task<void> Server::stop(std::chrono::milliseconds grace) {
  const std::shared_ptr<Impl> impl = impl_;
  impl->sessions.stopping = true;
  error_code ignored;
  impl->acceptor.close(ignored);
  impl->accepting.cancel();
  co_await impl->accepting.join();
  for (Session* session : impl->sessions.open) session->close_if_idle();
  co_await impl->wait_for_sessions(grace);
  impl->serving.cancel();
  co_await impl->serving.join();
}

}  // namespace wan::net
