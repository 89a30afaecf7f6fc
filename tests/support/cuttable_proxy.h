#pragma once
// A TCP proxy on loopback that a test can cut and mend: a network between two real programs that fails.

#include <boost/asio/ip/tcp.hpp>
#include <list>
#include <memory>

#include "base/async/async.h"
#include "base/async/task_group.h"

namespace wan::testing {

class CuttableProxy {
 public:
  CuttableProxy(asio::io_context& context, asio::ip::tcp::endpoint target);
  [[nodiscard]] uint16_t port() const { return acceptor_.local_endpoint().port(); }
  // Resets all connections, and every new one until mend().
  void cut();
  void mend() { cut_ = false; }
  [[nodiscard]] size_t connections() const { return pairs_.size(); }
  // New connections that were reset so.
  [[nodiscard]] size_t refused() const { return refused_; }
  [[nodiscard]] Task<void> stop();

 private:
  struct Pair {
    explicit Pair(asio::ip::tcp::socket accepted)
        : client(std::move(accepted)), server(client.get_executor()) {}
    void reset();
    asio::ip::tcp::socket client;
    asio::ip::tcp::socket server;
  };
  [[nodiscard]] Task<void> accept();
  [[nodiscard]] Task<void> connect(std::shared_ptr<Pair> pair);
  [[nodiscard]] Task<void> pump(std::shared_ptr<Pair> pair, bool to_server);

  asio::ip::tcp::acceptor acceptor_;
  asio::ip::tcp::endpoint target_;
  bool cut_ = false;
  size_t refused_ = 0;
  std::list<std::weak_ptr<Pair>> pairs_;
  TaskGroup tasks_;
};

}  // namespace wan::testing
