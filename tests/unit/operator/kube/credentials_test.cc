// Credentials and trust that change while the client runs, against servers that check them.

#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "operator/kube/api_error.h"
#include "operator/kube/client.h"
#include "tests/support/fake_clock.h"
#include "tests/support/run_task.h"
#include "tests/support/scripted_server.h"
#include "tests/unit/operator/kube/tls_server.h"

namespace wan::kube {
namespace {

using testing::answer;
using testing::CertificateAuthority;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::run_task;
using testing::TlsServer;

constexpr const char* kPod = R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"ns"}})";
constexpr const char* kLocal = "DNS:localhost,IP:127.0.0.1,IP:::1";

class CredentialsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(::testing::TempDir()) /
              ("credentials_test_" + std::to_string(getpid()) + "_" +
               ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }
  // A program that appends what it was told to FOLDER/calls and writes `output`.
  std::filesystem::path write_plugin(const std::string& output) {
    write("output", output);
    const auto file = write("plugin", "#!/bin/sh\necho \"$KUBERNETES_EXEC_INFO|$EXTRA|$*\" >> \"" +
                                          (folder_ / "calls").string() + "\"\ncat \"" +
                                          (folder_ / "output").string() + "\"\n");
    std::filesystem::permissions(file, std::filesystem::perms::owner_all);
    return file;
  }
  std::vector<std::string> plugin_calls() const {
    std::ifstream in(folder_ / "calls");
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }
  static std::string credential(const std::string& status) {
    return R"({"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":)" + status +
           "}";
  }
  Config load(const std::string& cluster, const std::string& user) {
    const auto file = write("kubeconfig", "clusters: [{name: c, cluster: {" + cluster +
                                              "}}]\nusers: [{name: u, user: {" + user +
                                              "}}]\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n"
                                              "current-context: x\n");
    auto config = load_kubeconfig({file}, "");
    EXPECT_TRUE(config) << config.error().message;
    return config.value_or(Config());
  }
  Config with_plugin(const std::string& output, const std::string& more = "") {
    write_plugin(output);
    return load("server: '" + server_.url() + "', certificate-authority-data: Q0E=",
                "exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, args: [token, a b],"
                " interactiveMode: Never, env: [{name: EXTRA, value: more}]" +
                    more + "}");
  }
  Result<Json> get(Client& client) { return run_task(context_, client.get(kPods, "ns", "p")); }

  std::filesystem::path folder_;
  asio::io_context context_;
  testing::FakeClock clock_;
  testing::ScriptedServer server_{context_};
  struct Stop {
    CredentialsTest& test;
    ~Stop() { run_task(test.context_, test.server_.stop()); }
  } stop_{*this};
};

TEST_F(CredentialsTest, AsksThePluginOnceWithoutAShell) {
  Client client(context_.get_executor(), with_plugin(credential(R"({"token":"t1"})")), clock_);
  server_.script(answer(200, kPod));
  server_.script(answer(200, kPod));
  ASSERT_TRUE(get(client));
  ASSERT_TRUE(get(client));
  EXPECT_THAT(server_.requests()[1].head, HasSubstr("Authorization: Bearer t1\r\n"));
  ASSERT_EQ(plugin_calls().size(), 1U);
  EXPECT_EQ(
      plugin_calls()[0],
      R"({"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","spec":{"interactive":false}})"
      "|more|token a b");
}

TEST_F(CredentialsTest, TellsThePluginOfTheClusterWhereItWantsToKnow) {
  Client client(context_.get_executor(),
                with_plugin(credential(R"({"token":"t1"})"), ", provideClusterInfo: true"), clock_);
  server_.script(answer(200, kPod));
  ASSERT_TRUE(get(client));
  const std::string told = plugin_calls()[0];
  const Json info = *parse_json(told.substr(0, told.find('|')));
  EXPECT_EQ(string_or(info, {"spec", "cluster", "server"}, ""), server_.url());
  EXPECT_EQ(string_or(info, {"spec", "cluster", "certificate-authority-data"}, ""), "Q0E=");
  EXPECT_EQ(info["spec"]["cluster"].size(), 2U);
}

TEST_F(CredentialsTest, AsksThePluginAgainBeforeItsTokenExpires) {
  Client client(context_.get_executor(),
                with_plugin(credential(R"({"token":"t1","expirationTimestamp":"2026-01-31T01:00:00Z"})")),
                clock_);
  for (int i = 0; i < 3; ++i) server_.script(answer(200, kPod));
  ASSERT_TRUE(get(client));
  clock_.advance(std::chrono::minutes(59));
  ASSERT_TRUE(get(client));
  EXPECT_EQ(plugin_calls().size(), 1U);
  write("output", credential(R"({"token":"t2"})"));
  clock_.advance(std::chrono::seconds(51));
  ASSERT_TRUE(get(client));
  EXPECT_EQ(plugin_calls().size(), 2U);
  EXPECT_THAT(server_.requests()[2].head, HasSubstr("Bearer t2\r\n"));
}

TEST_F(CredentialsTest, AsksThePluginAgainWhenTheServerRefusesItsToken) {
  Client client(context_.get_executor(), with_plugin(credential(R"({"token":"t1"})")), clock_);
  server_.script(answer(200, kPod));
  server_.script(answer(401, "{}"));
  server_.script(answer(200, kPod));
  ASSERT_TRUE(get(client));
  write("output", credential(R"({"token":"t2"})"));
  ASSERT_TRUE(get(client));
  EXPECT_THAT(server_.requests()[2].head, HasSubstr("Bearer t2\r\n"));
  server_.script(answer(401, "{}"));
  server_.script(answer(401, "{}"));
  EXPECT_TRUE(is_forbidden(get(client).error())) << "once, not for ever";
}

TEST_F(CredentialsTest, RunsThePluginOnceForRequestsThatComeTogether) {
  Client client(context_.get_executor(), with_plugin(credential(R"({"token":"t1"})")), clock_);
  for (int i = 0; i < 5; ++i) server_.script(answer(200, kPod));
  TaskGroup tasks(context_.get_executor());
  int answered = 0;
  const auto ask = [](Client& one, int& count) -> Task<void> {
    const auto pod = co_await one.get(kPods, "ns", "p");
    count += pod ? 1 : 0;
  };
  for (int i = 0; i < 5; ++i) tasks.spawn("request", ask(client, answered));
  run_task(context_, tasks.join());
  EXPECT_EQ(answered, 5);
  EXPECT_EQ(plugin_calls().size(), 1U);
}

TEST_F(CredentialsTest, NeverRepeatsWhatAPluginWrote) {
  for (const std::string& output :
       {std::string("s3cret"), credential(R"({"token":""})"), credential(R"({"token":"s3cret\nX: y"})"),
        std::string(R"({"apiVersion":"client.authentication.k8s.io/v1beta1","kind":"ExecCredential",)"
                    R"("status":{"token":"s3cret"}})"),
        credential(R"({"clientCertificateData":"s3cret"})"),
        credential(R"({"token":"s3cret","expirationTimestamp":"soon"})")}) {
    Client client(context_.get_executor(), with_plugin(output), clock_);
    const auto refused = get(client);
    ASSERT_FALSE(refused) << output;
    EXPECT_TRUE(is_unavailable(refused.error()));
    EXPECT_THAT(refused.error().message, HasSubstr("exec plugin"));
    EXPECT_THAT(refused.error().message, Not(HasSubstr("s3cret")));
  }
  EXPECT_TRUE(server_.requests().empty());
}

TEST_F(CredentialsTest, SaysHowAMissingPluginIsInstalledAndWhenOneFails) {
  const auto failing = [&](const std::string& command) {
    const Config config = load("server: '" + server_.url() + "'",
                               "exec: {apiVersion: client.authentication.k8s.io/v1, command: " + command +
                                   ", interactiveMode: IfAvailable, installHint: get it from example.com}");
    Client client(context_.get_executor(), config, clock_);
    return get(client).error();
  };
  EXPECT_THAT(failing("no-such-program-here").message, HasSubstr("get it from example.com"));
  EXPECT_THAT(failing("'false'").message, HasSubstr("false ended with status 1"));
  EXPECT_TRUE(is_unavailable(failing("no-such-program-here")));
}

TEST_F(CredentialsTest, UsesTheCertificateThatAPluginGives) {
  const CertificateAuthority ca;
  const testing::Identity user = ca.issue("robot", "DNS:robot");
  TlsServer server(context_, ca.issue("api", kLocal), kPod, ca.pem());
  Json status = Json::object();
  status["clientCertificateData"] = user.certificate_pem;
  status["clientKeyData"] = user.key_pem;
  write_plugin(credential(status.dump()));
  write("ca.pem", ca.pem());
  const Config config =
      load("server: 'https://127.0.0.1:" + std::to_string(server.port()) + "', certificate-authority: ca.pem",
           "exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, "
           "interactiveMode: Never}");
  Client client(context_.get_executor(), config, clock_);
  const auto pod = get(client);
  EXPECT_TRUE(pod) << pod.error().message;
  EXPECT_THAT(server.client_names(), ::testing::ElementsAre("robot"));
  run_task(context_, server.stop());
}

TEST_F(CredentialsTest, TrustsANewCaOfTheClusterWithoutARestart) {
  const CertificateAuthority old_ca("old");
  const CertificateAuthority new_ca("new");
  TlsServer server(context_, old_ca.issue("api", kLocal), kPod);
  write("ca.crt", old_ca.pem());
  write("token", "t");
  auto config = in_cluster_config("127.0.0.1", std::to_string(server.port()), folder_);
  ASSERT_TRUE(config) << config.error().message;
  Client client(context_.get_executor(), *config, clock_);
  ASSERT_TRUE(get(client));

  server.use(new_ca.issue("api", kLocal));
  const auto refused = get(client);
  ASSERT_FALSE(refused) << "the file still holds the old one";
  EXPECT_THAT(refused.error().message, HasSubstr("certificate is not accepted"));
  write("ca.crt", new_ca.pem());
  const auto accepted = get(client);
  EXPECT_TRUE(accepted) << accepted.error().message;

  write("ca.crt", old_ca.pem() + new_ca.pem());
  clock_.advance(std::chrono::minutes(1));
  EXPECT_TRUE(get(client));
  server.use(old_ca.issue("api", kLocal));
  EXPECT_TRUE(get(client)) << "read again after a minute, without a failure in between";
  std::filesystem::remove(folder_ / "ca.crt");
  clock_.advance(std::chrono::minutes(1));
  EXPECT_TRUE(get(client)) << "what was trusted stays so while the file is missing";
  run_task(context_, server.stop());
}

TEST_F(CredentialsTest, ReadsTheTokenFileAgainEveryMinute) {
  Config config = load("server: '" + server_.url() + "'", "tokenFile: token");
  write("token", "one\n");
  Client client(context_.get_executor(), config, clock_);
  for (int i = 0; i < 3; ++i) server_.script(answer(200, kPod));
  ASSERT_TRUE(get(client));
  write("token", "two\n");
  clock_.advance(std::chrono::seconds(30));
  ASSERT_TRUE(get(client));
  clock_.advance(std::chrono::seconds(30));
  ASSERT_TRUE(get(client));
  EXPECT_THAT(server_.requests()[1].head, HasSubstr("Bearer one\r\n"));
  EXPECT_THAT(server_.requests()[2].head, HasSubstr("Bearer two\r\n"));
}

TEST_F(CredentialsTest, GoesThroughTheProxyOfTheKubeconfigToATlsServer) {
  const CertificateAuthority ca;
  TlsServer server(context_, ca.issue("api", "DNS:api.example"), kPod);
  server.expect_connect();
  write("ca.pem", ca.pem());
  const Config config = load(
      "server: 'https://api.example:6443', certificate-authority: ca.pem, proxy-url: "
      "'http://127.0.0.1:" +
          std::to_string(server.port()) + "'",
      "token: t");
  Client client(context_.get_executor(), config, clock_);
  const auto pod = get(client);
  ASSERT_TRUE(pod) << pod.error().message;
  ASSERT_EQ(server.heads().size(), 2U);
  EXPECT_EQ(server.heads()[0], "CONNECT api.example:6443 HTTP/1.1\r\nHost: api.example:6443\r\n\r\n")
      << "the token is for the server alone";
  EXPECT_THAT(server.heads()[1], HasSubstr("Authorization: Bearer t\r\n"));
  run_task(context_, server.stop());
}

TEST_F(CredentialsTest, SaysWhatAProxyRefuses) {
  Config config = load("server: 'https://api.example:6443', proxy-url: '" + server_.url() + "'", "token: t");
  Client client(context_.get_executor(), config, clock_);
  server_.script(testing::Answer{{"HTTP/1.1 403 Forbidden\r\n\r\n"}, testing::Ending::kClose});
  const auto refused = get(client);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(is_unavailable(refused.error()));
  EXPECT_THAT(refused.error().message, HasSubstr("403 Forbidden"));
  EXPECT_THAT(refused.error().message, HasSubstr("through the proxy 127.0.0.1:"));
}

TEST_F(CredentialsTest, ChecksTheServerByTheNameOfTheKubeconfig) {
  const CertificateAuthority ca;
  TlsServer server(context_, ca.issue("api", "DNS:kubernetes.default"), kPod);
  write("ca.pem", ca.pem());
  const std::string cluster =
      "server: 'https://127.0.0.1:" + std::to_string(server.port()) + "', certificate-authority: ca.pem";
  Client by_address(context_.get_executor(), load(cluster, "token: t"), clock_);
  EXPECT_FALSE(get(by_address));
  Client by_name(context_.get_executor(), load(cluster + ", tls-server-name: kubernetes.default", "token: t"),
                 clock_);
  const auto pod = get(by_name);
  EXPECT_TRUE(pod) << pod.error().message;
  run_task(context_, server.stop());
}

TEST_F(CredentialsTest, ReachesAnIpv6ServerByItsAddress) {
  asio::ip::tcp::acceptor probe(context_);
  boost::system::error_code error;
  probe.open(asio::ip::tcp::v6(), error);
  if (!error) probe.bind({asio::ip::address_v6::loopback(), 0}, error);
  if (error) GTEST_SKIP() << "no IPv6 on this machine: " << error.message();
  const CertificateAuthority ca;
  TlsServer server(context_, ca.issue("api", kLocal), kPod, "", "::1");
  write("ca.crt", ca.pem());
  write("token", "t");
  auto config = in_cluster_config("::1", std::to_string(server.port()), folder_);
  ASSERT_TRUE(config) << config.error().message;
  Client client(context_.get_executor(), *config, clock_);
  const auto pod = get(client);
  ASSERT_TRUE(pod) << pod.error().message;
  EXPECT_THAT(server.heads()[0], HasSubstr("Host: [::1]:" + std::to_string(server.port()) + "\r\n"));
  run_task(context_, server.stop());
}

}  // namespace
}  // namespace wan::kube
