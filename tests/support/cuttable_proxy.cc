#include "tests/support/cuttable_proxy.h"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/write.hpp>

namespace wan::testing {
namespace {

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

}  // namespace

void CuttableProxy::Pair::reset() {
  boost::system::error_code ignored;
  for (asio::ip::tcp::socket* socket : {&client, &server}) {
    socket->set_option(asio::socket_base::linger(true, 0), ignored);
    socket->close(ignored);
  }
}

CuttableProxy::CuttableProxy(asio::io_context& context, asio::ip::tcp::endpoint target)
    : acceptor_(context, asio::ip::tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0)),
      target_(std::move(target)),
      tasks_(context.get_executor()) {
  tasks_.spawn("accept", accept());
}

void CuttableProxy::cut() {
  cut_ = true;
  for (const auto& weak : pairs_) {
    if (const auto pair = weak.lock()) pair->reset();
  }
  pairs_.clear();
}

Task<void> CuttableProxy::stop() {
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  cut();
  tasks_.cancel();
  co_await tasks_.join();
}

Task<void> CuttableProxy::accept() {
  for (;;) {
    auto [error, socket] = co_await acceptor_.async_accept(kTuple);
    if (error) co_return;
    auto pair = std::make_shared<Pair>(std::move(socket));
    if (cut_) {
      ++refused_;
      pair->reset();
      continue;
    }
    pairs_.push_back(pair);
    tasks_.spawn("connect", connect(std::move(pair)));
  }
}

Task<void> CuttableProxy::connect(std::shared_ptr<Pair> pair) {
  const auto [error] = co_await pair->server.async_connect(target_, kTuple);
  if (error) {
    pair->reset();
    co_return;
  }
  tasks_.spawn("up", pump(pair, true));
  tasks_.spawn("down", pump(pair, false));
}

Task<void> CuttableProxy::pump(std::shared_ptr<Pair> pair, bool to_server) {
  asio::ip::tcp::socket& from = to_server ? pair->client : pair->server;
  asio::ip::tcp::socket& to = to_server ? pair->server : pair->client;
  std::array<char, 16384> buffer{};
  for (;;) {
    const auto [error, size] = co_await from.async_read_some(asio::buffer(buffer), kTuple);
    if (error) break;
    const auto [write_error, written] = co_await asio::async_write(to, asio::buffer(buffer, size), kTuple);
    if (write_error) break;
  }
  pair->reset();
}

}  // namespace wan::testing
