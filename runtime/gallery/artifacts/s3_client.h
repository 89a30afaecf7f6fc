#pragma once
// The handful of S3 requests that the artifact server makes: signed, with a deadline, and tried again, which
// is harmless for all of them: whole objects are read, deleted, and written with a condition or the same
// bytes. No listing, so no XML.

#include <boost/asio/thread_pool.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/net/client.h"
#include "runtime/gallery/artifacts/s3_error.h"
#include "runtime/gallery/artifacts/sigv4.h"

namespace wan::gallery {

struct S3Settings {
  net::Url endpoint;
  std::string bucket;
  std::string region = "us-east-1";
  bool path_style = false;  // the bucket in the path, not in front of the host name
  std::string ca_pem;       // "": the system's trust store
};

// Whether this provider wants the bucket in front of the host name; others may not answer there.
[[nodiscard]] bool wants_bucket_in_host(const net::Url& endpoint);

// From the files AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN (may be absent) of a mounted
// Secret, or from the environment variables of these names for "". kFailedPrecondition says which is missing.
[[nodiscard]] Result<S3Credentials> read_s3_credentials(const std::filesystem::path& folder);

struct S3Object {
  uint64_t bytes = 0;
  std::string etag;
  std::string sha256;  // as its writer has noted it, "sha256:HEX"; "" if nobody has
};

struct S3Put {
  std::string key;
  std::string body;
  std::filesystem::path file;  // in place of `body`, if not ""
  std::string sha256;          // of the bytes, 64 hex digits
  net::Headers headers;        // Content-Type, If-None-Match, ...
};

class S3Client {
 public:
  using Stream = std::unique_ptr<net::ResponseStream>;

  // Both outlive the client; credentials are read on `files` at most every minute.
  S3Client(asio::any_io_executor executor, S3Settings settings, std::filesystem::path credentials,
           asio::thread_pool& files, const Clock& clock);

  // kNotFound, or what s3_error() says.
  [[nodiscard]] Task<Result<S3Object>> head(std::string key);
  // Whether objects can be asked for, seen at one that may be absent.
  [[nodiscard]] Task<Status> check_readable(std::string absent_key);
  // 200, 206 or 416.
  [[nodiscard]] Task<Result<Stream>> get(std::string key, net::Headers headers);
  // A small object; kResourceExhausted beyond `max_bytes`.
  [[nodiscard]] Task<Result<net::Response>> get_small(std::string key, size_t max_bytes);
  // false: the condition in the headers does not hold, and nothing was written.
  [[nodiscard]] Task<Result<bool>> put(S3Put put);
  // An object that is not there counts as removed.
  [[nodiscard]] Task<Status> remove(std::string key);

  [[nodiscard]] const S3Place& place() const { return place_; }

 private:
  struct Call;
  [[nodiscard]] Task<Result<net::Response>> exchange(const Call& call);
  [[nodiscard]] Task<Result<net::Response>> exchange_once(const Call& call);
  [[nodiscard]] Task<Result<Stream>> open(const Call& call);
  [[nodiscard]] Task<Result<net::Request>> signed_request(const Call& call);
  [[nodiscard]] Task<Result<S3Credentials>> credentials();
  [[nodiscard]] std::string where() const;
  [[nodiscard]] Error refused(const Call& call, unsigned status, std::string_view body) const;

  S3Settings settings_;
  S3Place place_;
  std::filesystem::path credentials_folder_;
  asio::thread_pool& files_;
  const Clock& clock_;
  std::string host_;    // as the Host header says it
  std::string prefix_;  // of every target
  std::unique_ptr<net::Client> client_;
  std::optional<S3Credentials> known_;
  SteadyTime known_since_{};
};

}  // namespace wan::gallery
