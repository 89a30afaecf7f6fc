#pragma once
// What the tests of buckets share.

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/s3_server.h"

namespace wan::testing {

// As kubelet mounts a Secret.
inline void write_secret(const std::filesystem::path& folder, const std::string& secret_key) {
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "AWS_ACCESS_KEY_ID") << S3Server::kAccessKey;
  std::ofstream(folder / "AWS_SECRET_ACCESS_KEY") << secret_key << "\n";
}

}  // namespace wan::testing
