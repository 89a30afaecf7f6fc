#include "tests/bench/operator/contender.h"

#include <signal.h>

#include "base/net/client.h"
#include "base/net/server.h"

namespace wan::bench {
namespace {

constexpr std::chrono::seconds kLimit{120};

double seconds_since(std::chrono::steady_clock::time_point begun) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
}

// One of loopback that nobody uses now.
Task<uint16_t> free_port() {
  net::Server server(co_await asio::this_coro::executor, net::ServerSettings(),
                     [](net::IncomingRequest&, net::ResponseWriter&) -> Task<void> { co_return; });
  WAN_CHECK(server.start());
  const uint16_t port = server.port();
  co_await server.stop(std::chrono::milliseconds(0));
  co_return port;
}

}  // namespace

Task<Status> Contender::start(std::filesystem::path log) {
  const uint16_t port = co_await free_port();
  const std::string address = "127.0.0.1:" + std::to_string(port);
  std::vector<std::string> arguments = program_.arguments;
  arguments.insert(arguments.end(), {"--health-listen", address});
  WAN_CO_TRY(const net::Url url, net::parse_url("http://" + address + "/"));
  const auto begun = std::chrono::steady_clock::now();
  process_ = std::make_unique<testing::OperatorProcess>(program_.file, std::move(arguments), std::move(log));
  net::Client client(co_await asio::this_coro::executor, url);
  while (process_->running() && seconds_since(begun) < kLimit.count()) {
    net::Request request;
    request.target = "/readyz";
    const auto answer = co_await client.send(std::move(request), std::chrono::milliseconds(1'000));
    seconds_to_ready_ = seconds_since(begun);
    if (answer && answer->status == 200) co_return Status();
    WAN_CO_TRY_VOID(co_await sleep_for(std::chrono::milliseconds(2)));
  }
  co_return fail(unavailable(program_.name + " did not become ready:\n" + process_->log()));
}

Task<Status> Contender::stop() {
  process_->signal(SIGTERM);
  const auto begun = std::chrono::steady_clock::now();
  while (process_->running()) {
    if (seconds_since(begun) > 20) process_->signal(SIGKILL);
    WAN_CO_TRY_VOID(co_await sleep_for(std::chrono::milliseconds(20)));
  }
  co_return Status();
}

}  // namespace wan::bench
