#pragma once
// An API server with TLS on loopback, as far as a client test needs one: each connection gets one answer.

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/async/task_group.h"
#include "tests/support/scripted_server.h"
#include "tests/unit/base/net/certificates.h"

namespace wan::testing {

class TlsServer {
 public:
  TlsServer(asio::io_context& context, const Identity& identity, std::string body,
            const std::string& client_ca = "", const std::string& address = "127.0.0.1")
      : acceptor_(context, asio::ip::tcp::endpoint(asio::ip::make_address(address), 0)),
        body_(std::move(body)),
        tasks_(context.get_executor()) {
    use(identity, client_ca);
    tasks_.spawn("tls server", accept());
  }
  // From the next connection on.
  void use(const Identity& identity, const std::string& client_ca = "") {
    auto made = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
    made->use_certificate_chain(asio::buffer(identity.certificate_pem));
    made->use_private_key(asio::buffer(identity.key_pem), asio::ssl::context::pem);
    if (!client_ca.empty()) {
      made->add_certificate_authority(asio::buffer(client_ca));
      made->set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert);
    }
    tls_ = std::move(made);
  }
  // It is reached as a proxy is: a CONNECT goes before each handshake.
  void expect_connect() { behind_proxy_ = true; }
  [[nodiscard]] uint16_t port() const { return acceptor_.local_endpoint().port(); }
  // Heads: CONNECTs and requests.
  [[nodiscard]] const std::vector<std::string>& heads() const { return heads_; }
  [[nodiscard]] const std::vector<std::string>& client_names() const { return client_names_; }
  [[nodiscard]] Task<void> stop() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    tasks_.cancel();
    return tasks_.join();
  }

 private:
  static constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

  Task<void> accept() {
    for (;;) {
      auto [error, socket] = co_await acceptor_.async_accept(kTuple);
      if (error) co_return;
      tasks_.spawn("connection", serve(std::make_shared<asio::ip::tcp::socket>(std::move(socket)), tls_));
    }
  }
  Task<void> serve(std::shared_ptr<asio::ip::tcp::socket> socket, std::shared_ptr<asio::ssl::context> tls) {
    std::string buffer;
    if (behind_proxy_) {
      const auto [unread, size] =
          co_await asio::async_read_until(*socket, asio::dynamic_buffer(buffer), "\r\n\r\n", kTuple);
      if (unread) co_return;
      heads_.push_back(std::exchange(buffer, ""));
      const std::string made = "HTTP/1.1 200 Connection established\r\n\r\n";
      const auto [unsent, sent] = co_await asio::async_write(*socket, asio::buffer(made), kTuple);
      if (unsent) co_return;
    }
    asio::ssl::stream<asio::ip::tcp::socket> stream(std::move(*socket), *tls);
    const auto [unshaken] = co_await stream.async_handshake(asio::ssl::stream_base::server, kTuple);
    if (unshaken) co_return;
    note_client(stream.native_handle());
    const auto [unread, size] =
        co_await asio::async_read_until(stream, asio::dynamic_buffer(buffer), "\r\n\r\n", kTuple);
    if (unread) co_return;
    heads_.push_back(buffer.substr(0, size));
    const std::string response = answer(200, body_, "Connection: close\r\n").pieces[0];
    const auto [unsent, sent] = co_await asio::async_write(stream, asio::buffer(response), kTuple);
    if (unsent) co_return;
    const auto [unclosed] = co_await stream.async_shutdown(kTuple);
    static_cast<void>(unclosed);
  }
  void note_client(SSL* ssl) {
    X509* certificate = SSL_get1_peer_certificate(ssl);
    if (certificate == nullptr) return;
    char name[256] = "";
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof name);
    client_names_.emplace_back(name);
    X509_free(certificate);
  }

  asio::ip::tcp::acceptor acceptor_;
  std::string body_;
  bool behind_proxy_ = false;
  std::shared_ptr<asio::ssl::context> tls_;
  std::vector<std::string> heads_;
  std::vector<std::string> client_names_;
  TaskGroup tasks_;
};

}  // namespace wan::testing
