#include <boost/asio/ssl.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../run_task.h"
#include "base/net/client.h"
#include "certificates.h"
#include "loopback.h"

namespace wan::net {
namespace {

using namespace std::chrono_literals;
using testing::CertificateAuthority;
using ::testing::HasSubstr;
using testing::Identity;
using testing::run;
namespace ssl = asio::ssl;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

enum class Ending { kOrderly, kCut };

// Answers one request on each connection; notes what the handshake showed.
class TlsServer {
 public:
  TlsServer(asio::io_context& io, const Identity& identity, std::string answer,
            Ending ending = Ending::kOrderly, const std::string& client_ca = "")
      : answer_(std::move(answer)),
        ending_(ending),
        acceptor_(io, testing::loopback(0)),
        tasks_(io.get_executor()) {
    context_.use_certificate_chain(asio::buffer(identity.certificate_pem));
    context_.use_private_key(asio::buffer(identity.key_pem), ssl::context::pem);
    if (!client_ca.empty()) {
      context_.add_certificate_authority(asio::buffer(client_ca));
      context_.set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert);
    }
    SSL_CTX_set_alpn_select_cb(context_.native_handle(), select_protocol, this);
    tasks_.spawn("tls server", accept());
  }

  [[nodiscard]] uint16_t port() const { return acceptor_.local_endpoint().port(); }
  Task<void> stop() {
    tasks_.cancel();
    return tasks_.join();
  }

  std::string offered_protocols, server_name, client_name;
  int connections = 0;

 private:
  static int select_protocol(SSL*, const unsigned char** out, unsigned char* size, const unsigned char* in,
                             unsigned in_size, void* self) {
    static_cast<TlsServer*>(self)->offered_protocols.assign(reinterpret_cast<const char*>(in), in_size);
    *out = in + 1;
    *size = in[0];
    return SSL_TLSEXT_ERR_OK;
  }

  Task<void> accept() {
    for (;;) {
      asio::ip::tcp::socket socket(co_await asio::this_coro::executor);
      const auto [error] = co_await acceptor_.async_accept(socket, kTuple);
      if (error) co_return;
      ssl::stream<asio::ip::tcp::socket> stream(std::move(socket), context_);
      co_await serve(stream);
    }
  }

  Task<void> serve(ssl::stream<asio::ip::tcp::socket>& stream) {
    ++connections;
    const auto [shaken] = co_await stream.async_handshake(ssl::stream_base::server, kTuple);
    if (shaken) co_return;
    if (const char* name = SSL_get_servername(stream.native_handle(), TLSEXT_NAMETYPE_host_name))
      server_name = name;
    if (X509* certificate = SSL_get1_peer_certificate(stream.native_handle())) {
      char name[256] = "";
      X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof name);
      client_name = name;
      X509_free(certificate);
    }
    char request[4096];
    const auto [failed, count] = co_await stream.async_read_some(asio::buffer(request), kTuple);
    if (failed) co_return;
    (void)co_await asio::async_write(stream, asio::buffer(answer_), kTuple);
    if (ending_ == Ending::kOrderly) (void)co_await stream.async_shutdown(kTuple);
  }

  std::string answer_;
  Ending ending_;
  ssl::context context_{ssl::context::tls_server};
  asio::ip::tcp::acceptor acceptor_;
  TaskGroup tasks_;
};

const char kAnswer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

class TlsTest : public ::testing::Test {
 protected:
  void serve(const Identity& identity, std::string answer = kAnswer, Ending ending = Ending::kOrderly,
             const std::string& client_ca = "") {
    stop();
    server.emplace(io, identity, std::move(answer), ending, client_ca);
  }
  void stop() {
    if (server) run(io, server->stop());
    server.reset();
  }
  void TearDown() override { stop(); }

  [[nodiscard]] Url origin() const {
    return {.scheme = "https", .host = "127.0.0.1", .port = server->port(), .target = "/"};
  }
  Result<Response> get(TlsClientSettings tls) {
    Client client(io.get_executor(), origin(), std::move(tls));
    return run(io, client.send({}, 30s));
  }
  std::string complaint(TlsClientSettings tls) {
    const Result<Response> response = get(std::move(tls));
    if (response) return "accepted";
    EXPECT_EQ(response.error().code, ErrorCode::kCorrupt) << response.error().message;
    return response.error().message;
  }

  asio::io_context io{1};
  CertificateAuthority ca;
  std::optional<TlsServer> server;
};

TEST_F(TlsTest, AcceptsAServerByItsIpAddress) {
  serve(ca.issue("server", "IP:127.0.0.1"));
  const Result<Response> response = get({.ca_pem = ca.pem()});
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->body, "ok");
  EXPECT_EQ(server->server_name, "") << "an IP address is no server name";
  EXPECT_EQ(server->offered_protocols, "\x08http/1.1");
}

TEST_F(TlsTest, AcceptsAServerByTheNameThatItWasTold) {
  serve(ca.issue("server", "DNS:api.test"));
  const Result<Response> response = get({.ca_pem = ca.pem(), .server_name = "api.test"});
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(server->server_name, "api.test");
}

TEST_F(TlsTest, RefusesAnotherName) {
  serve(ca.issue("127.0.0.1", "DNS:api.test"));
  EXPECT_THAT(complaint({.ca_pem = ca.pem()}),
              HasSubstr("not accepted for 127.0.0.1: the certificate is for another name"));
  EXPECT_THAT(complaint({.ca_pem = ca.pem(), .server_name = "other.test"}), HasSubstr("another name"));
  EXPECT_THAT(complaint({.ca_pem = ca.pem(), .server_name = "sub.api.test"}), HasSubstr("another name"));
  serve(ca.issue("server", "IP:127.0.0.2"));
  EXPECT_THAT(complaint({.ca_pem = ca.pem()}), HasSubstr("another name"));
}

TEST_F(TlsTest, RefusesAnUntrustedOrExpiredCertificate) {
  const CertificateAuthority other("other CA");
  serve(ca.issue("server", "IP:127.0.0.1"));
  EXPECT_THAT(complaint({.ca_pem = other.pem()}), HasSubstr("unable to get local issuer certificate"));
  EXPECT_THAT(complaint({}), HasSubstr("unable to get local issuer certificate"));
  serve(ca.issue("server", "IP:127.0.0.1", -60));
  EXPECT_THAT(complaint({.ca_pem = ca.pem()}), HasSubstr("expired"));
}

TEST_F(TlsTest, TakesSeveralAuthorities) {
  const CertificateAuthority other("other CA");
  serve(ca.issue("server", "IP:127.0.0.1"));
  EXPECT_TRUE(get({.ca_pem = other.pem() + ca.pem()}));
}

TEST_F(TlsTest, ShowsItsClientCertificate) {
  serve(ca.issue("server", "IP:127.0.0.1"), kAnswer, Ending::kOrderly, ca.pem());
  const Identity me = ca.issue("the operator", "");
  const Result<Response> response =
      get({.ca_pem = ca.pem(), .client_certificate_pem = me.certificate_pem, .client_key_pem = me.key_pem});
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(server->client_name, "the operator");
  EXPECT_FALSE(get({.ca_pem = ca.pem()}));
}

TEST_F(TlsTest, SaysWhichSettingIsWrong) {
  serve(ca.issue("server", "IP:127.0.0.1"));
  const Identity me = ca.issue("me", ""), you = ca.issue("you", "");
  const std::pair<TlsClientSettings, const char*> cases[] = {
      {{.ca_pem = "nonsense"}, "CA certificates"},
      {{.ca_pem = ca.pem(), .client_certificate_pem = me.certificate_pem}, "together"},
      {{.ca_pem = ca.pem(), .client_certificate_pem = "x", .client_key_pem = me.key_pem},
       "client certificate"},
      {{.ca_pem = ca.pem(), .client_certificate_pem = me.certificate_pem, .client_key_pem = "x"},
       "client key"},
      {{.ca_pem = ca.pem(), .client_certificate_pem = me.certificate_pem, .client_key_pem = you.key_pem},
       "client key"}};
  for (const auto& [tls, expected] : cases) {
    const Result<Response> response = get(tls);
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(response.error().message, HasSubstr(expected));
  }
}

TEST_F(TlsTest, ABodyThatAConnectionEndsMustEndOrderly) {
  const Identity identity = ca.issue("server", "IP:127.0.0.1");
  const std::string to_the_end = "HTTP/1.1 200 OK\r\n\r\nall of it";
  serve(identity, to_the_end, Ending::kOrderly);
  const Result<Response> whole = get({.ca_pem = ca.pem()});
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_EQ(whole->body, "all of it");
  serve(identity, to_the_end, Ending::kCut);
  const Result<Response> cut = get({.ca_pem = ca.pem()});
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, ErrorCode::kUnavailable);
}

TEST_F(TlsTest, ACutAfterACompleteMessageIsFine) {
  serve(ca.issue("server", "IP:127.0.0.1"), kAnswer, Ending::kCut);
  EXPECT_TRUE(get({.ca_pem = ca.pem()}));
}

TEST_F(TlsTest, NewMaterialIsUsedForTheNextConnection) {
  const CertificateAuthority other("other CA");
  serve(ca.issue("server", "IP:127.0.0.1"));
  Client client(io.get_executor(), origin(), {.ca_pem = other.pem()});
  EXPECT_FALSE(run(io, client.send({}, 30s)));
  client.set_tls({.ca_pem = ca.pem()});
  EXPECT_TRUE(run(io, client.send({}, 30s)));
  client.set_tls({.ca_pem = other.pem()});
  EXPECT_FALSE(run(io, client.send({}, 30s)));
}

TEST_F(TlsTest, APlainServerIsNoTlsServer) {
  testing::ScriptedServer plain(io, {{kAnswer}});
  Client client(io.get_executor(),
                {.scheme = "https", .host = "127.0.0.1", .port = plain.port(), .target = "/"},
                {.ca_pem = ca.pem()});
  const Result<Response> response = run(io, client.send({}, 300ms));
  EXPECT_FALSE(response);
  run(io, plain.stop());
}

}  // namespace
}  // namespace wan::net
