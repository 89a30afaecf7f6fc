#include "tests/support/s3_server.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdexcept>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "base/environment.h"

namespace wan::testing {
namespace {

namespace fs = std::filesystem;
using boost::asio::ip::tcp;

std::string program() { return environment("WAN_S3_SERVER"); }

// The server takes no port 0: one that nobody has at the moment.
uint16_t free_port() {
  boost::asio::io_context context;
  tcp::acceptor acceptor(context, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
  return acceptor.local_endpoint().port();
}

bool answers(uint16_t port) {
  boost::asio::io_context context;
  tcp::socket socket(context);
  boost::system::error_code error;
  socket.connect(tcp::endpoint(boost::asio::ip::address_v4::loopback(), port), error);
  return !error;
}

// The server takes "" for no TLS.
int start(const std::string& address, const fs::path& folder, const std::string& certificate,
          const std::string& key) {
  const std::string log = folder / "log", storage = folder;
  const int pid = ::fork();
  if (pid != 0) return pid;
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(out, STDERR_FILENO);
  ::setenv("ROOT_ACCESS_KEY", S3Server::kAccessKey, 1);
  ::setenv("ROOT_SECRET_KEY", S3Server::kSecretKey, 1);
  ::setenv("TLS_CERT", certificate.c_str(), 1);
  ::setenv("TLS_KEY", key.c_str(), 1);
  ::execl(program().c_str(), "s3server", address.c_str(), storage.c_str(), nullptr);
  ::_exit(127);
}

}  // namespace

bool S3Server::is_available() { return !program().empty(); }

S3Server::S3Server(const fs::path& folder, const std::string& certificate, const std::string& key)
    : folder_(folder), port_(free_port()), tls_(!certificate.empty()) {
  fs::create_directories(folder_);
  const fs::path certificate_file = tls_ ? folder_ / "tls.crt" : "",
                 key_file = tls_ ? folder_ / "tls.key" : "";
  if (tls_) std::ofstream(certificate_file) << certificate;
  if (tls_) std::ofstream(key_file) << key;
  pid_ = start("127.0.0.1:" + std::to_string(port_), folder_, certificate_file, key_file);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!answers(port_)) {
    if (std::chrono::steady_clock::now() > end || ::waitpid(pid_, nullptr, WNOHANG) == pid_) {
      throw std::runtime_error("the S3 server " + program() + " does not start; see " + folder_.string() +
                               "/log");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

S3Server::~S3Server() {
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

net::Url S3Server::url() const { return {tls_ ? "https" : "http", "127.0.0.1", port_, "/"}; }

// What the server takes for a bucket is a folder.
void S3Server::make_bucket(const std::string& name) const {
  fs::create_directories(folder_ / "buckets" / name);
}

fs::path S3Server::file(const std::string& bucket, const std::string& key) const {
  return folder_ / "buckets" / bucket / key;
}

}  // namespace wan::testing
