#pragma once
// A real S3 server (versitygw, which ./wan setup builds) on loopback, with a folder of the test behind it.

#include <filesystem>
#include <memory>
#include <string>

#include "base/net/http.h"

namespace wan::testing {

class S3Server {
 public:
  static constexpr const char* kAccessKey = "test-access-key";
  static constexpr const char* kSecretKey = "test-secret-key";
  static constexpr const char* kRegion = "us-east-1";

  // Whether it was built: $WAN_S3_SERVER, which ./wan test sets.
  static bool is_available();
  // Returns when it answers. With a certificate and its key, both in PEM, it speaks TLS.
  explicit S3Server(const std::filesystem::path& folder, const std::string& certificate = "",
                    const std::string& key = "");
  ~S3Server();
  S3Server(const S3Server&) = delete;
  S3Server& operator=(const S3Server&) = delete;

  [[nodiscard]] uint16_t port() const { return port_; }
  [[nodiscard]] net::Url url() const;
  void make_bucket(const std::string& name) const;
  // The file behind an object.
  [[nodiscard]] std::filesystem::path file(const std::string& bucket, const std::string& key) const;

 private:
  std::filesystem::path folder_;
  uint16_t port_ = 0;
  bool tls_ = false;
  int pid_ = -1;
};

}  // namespace wan::testing
