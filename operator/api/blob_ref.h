#pragma once
// A file that an artifact server has as a blob, or takes in as one: what plans ask for and operator/dispatch
// sends.

#include <string>

namespace wan::api {

struct BlobRef {
  std::string server;    // "http://HOST:8080"
  std::string audience;  // "artifacts/NAMESPACE/STORE"
  std::string sha256;    // "": whatever it has
  // Where it is taken from, if it is not there:
  std::string url;  // anywhere
  // or at the artifact server of another bucket
  std::string artifact_url;
  std::string artifact_audience;
  std::string artifact_path;

  bool operator==(const BlobRef&) const = default;
};

}  // namespace wan::api
