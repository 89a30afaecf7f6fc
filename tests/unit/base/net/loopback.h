#pragma once
// Raw sockets on the loopback interface, for saying what no HTTP library would say.

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <string>
#include <vector>

#include "base/async/task_group.h"

namespace wan::testing {

using asio::ip::tcp;

inline tcp::endpoint loopback(uint16_t port) { return {asio::ip::address_v4::loopback(), port}; }

// A TCP connection whose reads give up after 30 s.
class RawClient {
 public:
  explicit RawClient(const asio::any_io_executor& executor) : socket_(executor) {}

  Task<void> connect(uint16_t port) { co_await socket_.async_connect(loopback(port), asio::use_awaitable); }

  Task<bool> send(std::string bytes) {
    const auto [error, count] =
        co_await asio::async_write(socket_, asio::buffer(bytes), asio::as_tuple(asio::use_awaitable));
    co_return !error;
  }

  // Until `text` has been received (the result ends with it) or the connection ended.
  Task<std::string> read_until(std::string text) {
    for (;;) {
      const size_t at = received_.find(text);
      if (at != received_.npos) {
        std::string taken = received_.substr(0, at + text.size());
        received_.erase(0, taken.size());
        co_return taken;
      }
      char piece[4096];
      const auto [error, count] =
          co_await socket_.async_read_some(asio::buffer(piece), asio::as_tuple(asio::use_awaitable));
      if (error) co_return std::exchange(received_, {});
      received_.append(piece, count);
    }
  }
  Task<std::string> read_all() { return read_until(std::string("\0never", 6)); }

  void end_sending() { socket_.shutdown(tcp::socket::shutdown_send); }
  void close() { socket_.close(); }
  tcp::socket& socket() { return socket_; }

 private:
  tcp::socket socket_;
  std::string received_;
};

// Accepts connections one after another; on each, answers request after request with the scripted bytes and
// then closes. An empty answer closes at once; kHang keeps silent until the client goes.
class ScriptedServer {
 public:
  static inline const std::string kHang = "hang";
  using Script = std::vector<std::vector<std::string>>;  // of each connection: the answers

  ScriptedServer(asio::io_context& io, Script script)
      : script_(std::move(script)), acceptor_(io, loopback(0)), tasks_(io.get_executor()) {
    tasks_.spawn("scripted server", accept());
  }

  [[nodiscard]] uint16_t port() const { return acceptor_.local_endpoint().port(); }
  [[nodiscard]] size_t connections() const { return connections_; }
  // The heads of the requests, with what arrived in the same piece as their end.
  [[nodiscard]] const std::vector<std::string>& requests() const { return requests_; }
  Task<void> stop() {
    tasks_.cancel();
    return tasks_.join();
  }

 private:
  Task<void> accept() {
    for (const auto& answers : script_) {
      RawClient connection(co_await asio::this_coro::executor);
      const auto [error] =
          co_await acceptor_.async_accept(connection.socket(), asio::as_tuple(asio::use_awaitable));
      if (error) co_return;
      ++connections_;
      co_await serve(connection, answers);
    }
  }

  Task<void> serve(RawClient& connection, const std::vector<std::string>& answers) {
    for (const std::string& answer : answers) {
      std::string request = co_await connection.read_until("\r\n\r\n");
      if (!request.ends_with("\r\n\r\n")) co_return;
      requests_.push_back(std::move(request));
      if (answer.empty()) co_return;
      if (answer == kHang) {
        (void)co_await connection.read_all();
        co_return;
      }
      (void)co_await connection.send(answer);
    }
  }

  Script script_;
  tcp::acceptor acceptor_;
  size_t connections_ = 0;
  std::vector<std::string> requests_;
  TaskGroup tasks_;
};

}  // namespace wan::testing
