#pragma once
// Kept-alive connections of a client to its one origin. Internal to base/net.

#include <memory>
#include <optional>
#include <vector>

#include "base/net/client.h"
#include "base/net/message_impl.h"

namespace wan::net {

struct Connection {
  std::unique_ptr<Transport> transport;
  ReadBuffer buffer{kPieceBytes};
  SteadyTime idle_since{};
  int tls_generation = 0;
  bool spoiled = false;  // a request on it was not sent to its end
};

class ConnectionPool {
 public:
  ConnectionPool(Url origin, TlsClientSettings tls, const ClientSettings& settings);

  // The idle connection used last that still looks alive; nullptr if there is none.
  [[nodiscard]] std::unique_ptr<Connection> take_idle();
  [[nodiscard]] Task<Result<std::unique_ptr<Connection>>> connect(Patience patience);
  // Keeps a connection, on which a message has just ended, for the next request.
  void give_back(std::unique_ptr<Connection> connection);
  void drop_idle();
  void set_tls(TlsClientSettings tls);
  [[nodiscard]] const Url& origin() const { return origin_; }

 private:
  [[nodiscard]] Result<std::shared_ptr<TlsContext>> tls_context();

  Url origin_;
  ClientSettings settings_;
  TlsClientSettings tls_;
  int tls_generation_ = 0;
  std::shared_ptr<TlsContext> tls_context_;        // of tls_, made at the first connection
  std::vector<std::unique_ptr<Connection>> idle_;  // the longest idle first
};

}  // namespace wan::net
