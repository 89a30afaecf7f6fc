#include <boost/asio/as_tuple.hpp>
#include <optional>

#include "base/async/cancellation.h"
#include "base/net/resolve_impl.h"

namespace wan::net {
namespace {

using asio::ip::tcp;

// getaddrinfo can neither be stopped nor given a deadline: its caller waits here, and leaves when it has had
// enough; the late answer then finds nobody.
struct Lookup {
  explicit Lookup(const asio::any_io_executor& executor) : resolver(executor), answered(executor) {}

  tcp::resolver resolver;
  asio::steady_timer answered;
  std::optional<boost::system::error_code> error;
  std::vector<tcp::endpoint> endpoints;
};

void start(const std::shared_ptr<Lookup>& lookup, const std::string& host, uint16_t port) {
  lookup->resolver.async_resolve(
      host, std::to_string(port), tcp::resolver::numeric_service,
      [lookup](const boost::system::error_code& error, const tcp::resolver::results_type& results) {
        lookup->error = error;
        for (const auto& result : results) lookup->endpoints.push_back(result.endpoint());
        lookup->answered.cancel();
      });
}

}  // namespace

Task<Result<std::vector<tcp::endpoint>>> resolve(std::string host, uint16_t port, SteadyTime deadline) {
  boost::system::error_code not_an_address;
  const auto address = asio::ip::make_address(host, not_an_address);
  if (!not_an_address) co_return std::vector<tcp::endpoint>{tcp::endpoint(address, port)};

  const auto lookup = std::make_shared<Lookup>(co_await asio::this_coro::executor);
  lookup->answered.expires_at(deadline);
  start(lookup, host, port);
  co_await lookup->answered.async_wait(asio::as_tuple(asio::use_awaitable));
  if (is_cancelled(co_await asio::this_coro::cancellation_state))
    co_return fail(cancelled("resolving " + host));
  if (!lookup->error) {
    lookup->resolver.cancel();
    co_return fail({ErrorCode::kDeadlineExceeded, "resolving " + host + " took too long"});
  }
  if (*lookup->error || lookup->endpoints.empty()) {
    co_return fail(unavailable("the host " + host + " cannot be resolved: " + lookup->error->message()));
  }
  co_return std::move(lookup->endpoints);
}

}  // namespace wan::net
