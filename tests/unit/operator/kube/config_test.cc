#include "operator/kube/config.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <unistd.h>

namespace wan::kube {
namespace {

class ConfigTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = std::filesystem::path(::testing::TempDir()) /
                 ("config_test_" + std::to_string(getpid()) + "_" +
                  ::testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::filesystem::path write(const std::string& name, const std::string& text) {
    const std::filesystem::path file = directory_ / name;
    std::ofstream(file) << text;
    return file;
  }
  // `user` and `cluster` are the inner mappings in flow style.
  Result<Config> load(const std::string& cluster, const std::string& user) {
    return load_kubeconfig(
        {write("kubeconfig", "clusters: [{name: c, cluster: {" + cluster + "}}]\nusers: [{name: u, user: {" +
                                 user +
                                 "}}]\ncontexts: [{name: x, context: {cluster: c, user: u, "
                                 "namespace: team}}]\ncurrent-context: x\n")},
        "");
  }
  void expect_refused(const std::string& cluster, const std::string& user, const std::string& message_part) {
    const auto config = load(cluster, user);
    ASSERT_FALSE(config);
    EXPECT_EQ(config.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(config.error().message.find(message_part), std::string::npos) << config.error().message;
  }

  std::filesystem::path directory_;
};

TEST_F(ConfigTest, ReadsServerCertificatesAndNamespaceOfTheCurrentContext) {
  const auto config =
      load("server: 'https://[::1]:6443', certificate-authority-data: Q0E=, tls-server-name: k",
           "client-certificate-data: Q0VSVA==, client-key-data: S0VZ");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->server.host, "::1");
  EXPECT_EQ(config->server.port, 6443);
  EXPECT_EQ(config->tls.ca_pem, "CA");
  EXPECT_EQ(config->tls.client_certificate_pem, "CERT");
  EXPECT_EQ(config->tls.client_key_pem, "KEY");
  EXPECT_EQ(config->tls.server_name, "k");
  EXPECT_EQ(config->namespace_, "team");
}

TEST_F(ConfigTest, TakesRelativePathsFromTheFolderOfTheFile) {
  write("ca.pem", "CA in a file");
  const auto config = load("server: 'https://h', certificate-authority: ca.pem", "tokenFile: secret/token");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->tls.ca_pem, "CA in a file");
  EXPECT_EQ(config->token_file, directory_ / "secret/token");
}

TEST_F(ConfigTest, MergesFilesAndTheFirstThatDefinesANameWins) {
  const auto first =
      write("a", "contexts: [{name: x, context: {cluster: c, user: u}}]\ncurrent-context: x\n");
  const auto second = write("b",
                            "clusters: [{name: c, cluster: {server: 'https://one'}}]\n"
                            "users: [{name: u, user: {token: t1}}]\ncurrent-context: other\n");
  const auto third = write("c", "users: [{name: u, user: {token: t2}}]\n");
  const auto config = load_kubeconfig({first, second, third}, "");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->server.host, "one");
  EXPECT_EQ(config->token, "t1");
}

TEST_F(ConfigTest, NamesTheContextsThatExistWhenTheWantedOneDoesNot) {
  const auto file = write("k", "contexts: [{name: dev, context: {}}, {name: prod, context: {}}]\n");
  const auto config = load_kubeconfig({file}, "test");
  ASSERT_FALSE(config);
  EXPECT_NE(config.error().message.find("no context is named \"test\" (there are: dev, prod)"),
            std::string::npos)
      << config.error().message;
}

TEST_F(ConfigTest, RefusesWhatThisClientDoesNotDo) {
  expect_refused("server: 'https://h'", "exec: {command: aws}", "exec.apiVersion is \"\"");
  expect_refused("server: 'https://h'",
                 "exec: {command: aws, apiVersion: client.authentication.k8s.io/v1, interactiveMode: Always}",
                 "interactiveMode is Always");
  expect_refused("server: 'https://h'", "exec: {apiVersion: client.authentication.k8s.io/v1}",
                 "exec.command is empty");
  expect_refused("server: 'http://10.0.0.1'",
                 "exec: {command: aws, apiVersion: client.authentication.k8s.io/v1}", "use https");
  expect_refused("server: 'https://h'", "auth-provider: {name: gcp}", "`auth-provider` is not supported");
  expect_refused("server: 'https://h', proxy-url: 'socks5://p:1'", "token: t", "proxy-url");
  expect_refused("server: 'https://h', proxy-url: 'https://p'", "token: t", "only http:// proxies");
  expect_refused("server: 'https://h', proxy-url: 'http://user:password@p'", "token: t", "proxy-url");
  expect_refused("server: 'https://h', insecure-skip-tls-verify: true", "token: t",
                 "`insecure-skip-tls-verify` is not supported");
  expect_refused("server: 'https://h'", "username: a, password: b", "`username` is not supported");
  expect_refused("server: 'https://h'", "token: t, as: root", "`as` is not supported");
}

TEST_F(ConfigTest, RemembersTheFilesOfTlsMaterialAndTheProxy) {
  write("ca.pem", "CA");
  write("cert.pem", "CERT");
  write("key.pem", "KEY");
  const auto config =
      load("server: 'https://h', certificate-authority: ca.pem, proxy-url: 'http://proxy:3128'",
           "client-certificate: cert.pem, client-key: key.pem");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->tls_files.ca, directory_ / "ca.pem");
  EXPECT_EQ(config->tls_files.client_certificate, directory_ / "cert.pem");
  EXPECT_EQ(config->tls_files.client_key, directory_ / "key.pem");
  ASSERT_TRUE(config->proxy);
  EXPECT_EQ(net::authority(*config->proxy), "proxy:3128");
}

TEST_F(ConfigTest, FindsAnExecPluginBesideItsFileOrInThePath) {
  const std::string exec = "apiVersion: client.authentication.k8s.io/v1beta1, command: ";
  EXPECT_EQ(load("server: 'https://h'", "exec: {" + exec + "bin/login}")->exec->argv[0],
            directory_ / "bin/login");
  EXPECT_EQ(load("server: 'https://h'", "exec: {" + exec + "aws}")->exec->argv[0], "aws");
  EXPECT_EQ(load("server: 'https://h'", "exec: {" + exec + "/bin/aws}")->exec->argv[0], "/bin/aws");
}

TEST_F(ConfigTest, RefusesACertificateWithoutItsKey) {
  expect_refused("server: 'https://h'", "client-certificate-data: Q0VSVA==", "must both be set");
}

TEST_F(ConfigTest, SendsNoCredentialsOverPlainHttpToAnotherMachine) {
  expect_refused("server: 'http://10.0.0.1:8080'", "token: t", "use https");
  EXPECT_TRUE(load("server: 'http://127.0.0.1:8080'", "token: t"));
}

TEST_F(ConfigTest, ReadsTheServiceAccountOfAPod) {
  write("token", "t\n");
  write("ca.crt", "CA");
  write("namespace", "wan-system\n");
  const auto config = in_cluster_config("fd00::1", "443", directory_);
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->server.host, "fd00::1");
  EXPECT_EQ(net::authority(config->server), "[fd00::1]:443");
  EXPECT_EQ(config->namespace_, "wan-system");
  EXPECT_EQ(config->token_file, directory_ / "token");
}

TEST_F(ConfigTest, TrustsNothingWithoutTheClustersCa) {
  write("token", "t");
  EXPECT_FALSE(in_cluster_config("10.0.0.1", "443", directory_));
  write("ca.crt", "CA");
  EXPECT_TRUE(in_cluster_config("10.0.0.1", "443", directory_));
  EXPECT_FALSE(in_cluster_config("10.0.0.1", "https", directory_));
}

}  // namespace
}  // namespace wan::kube
