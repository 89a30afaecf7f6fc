#pragma once
// One connection of a server: requests one after another. Internal to base/net.

#include <set>

#include "base/async/notify.h"
#include "base/net/message_impl.h"
#include "base/net/server.h"

namespace wan::net {

class Session;

// What the sessions of one server share; it outlives them.
struct Sessions {
  Sessions(asio::any_io_executor executor, ServerSettings server_settings, Handler server_handler)
      : settings(std::move(server_settings)),
        handler(std::move(server_handler)),
        ended(std::move(executor)) {}

  ServerSettings settings;
  Handler handler;
  std::set<Session*> open;
  Notify ended;  // after each session that ends
  bool stopping = false;
};

class Session {
 public:
  Session(Sessions& sessions, asio::ip::tcp::socket socket);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  [[nodiscard]] Task<void> run();
  // Ends the connection if no handler is at work on it.
  void close_if_idle();

  // For the request and the writer of the current exchange:
  Sessions& sessions;
  std::unique_ptr<Transport> transport;
  ReadBuffer buffer;
  std::unique_ptr<Parser> parser;
  bool keep_alive = false;

 private:
  // The next head into `parser`; false ends the session.
  [[nodiscard]] Task<bool> read_request(bool is_first);
  [[nodiscard]] Task<Status> read_request_head(bool is_first, bool& begun);
  [[nodiscard]] Task<void> serve();
  [[nodiscard]] Task<void> refuse(Error error, unsigned status);
  [[nodiscard]] Task<void> linger();

  SteadyTime accepted_at_;
  bool in_handler_ = false;
};

}  // namespace wan::net
