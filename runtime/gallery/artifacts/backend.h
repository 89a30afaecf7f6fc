#pragma once
// What the artifact server needs of a store, whatever it is made of: a volume or a bucket. Both keep the same
// promises: bytes become visible only whole and under the digest they were announced with, and a path, once
// taken, keeps its bytes.

#include <boost/asio/thread_pool.hpp>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/net/server.h"
#include "runtime/gallery/artifacts/s3_client.h"
#include "runtime/gallery/artifacts/store.h"

namespace wan::gallery {

// An artifact by its path, or a blob by its digest; the other is "".
struct Name {
  std::string path;
  std::string digest;
};

struct Stored {
  Artifact artifact;
  Publication publication = Publication::kCreated;
};

// An artifact that is there, and where the backend finds its bytes again.
struct Found {
  Artifact artifact;
  Descriptor file;      // of a volume
  std::string key;      // of a bucket
  std::string version;  // of a bucket: the object's ETag
};

// Errors are those of store.h; kUnavailable: not now, whatever the reason; the message says it.
class Backend {
 public:
  // `read_only`: others fill the store. Nothing is written, not even to see whether one could.
  explicit Backend(bool read_only) : read_only_(read_only) {}
  virtual ~Backend() = default;
  [[nodiscard]] bool is_read_only() const { return read_only_; }
  // Before the first request; makes what can be made without asking others.
  [[nodiscard]] virtual Status prepare() = 0;
  // Takes bytes now, or can be read. kUnavailable may pass; any other error needs somebody to put something
  // right.
  [[nodiscard]] virtual Task<Status> check() = 0;
  // Uploads wait here until their digest is known.
  [[nodiscard]] virtual const ArtifactStore& incoming() const = 0;
  // "the volume": what is full when `incoming` is.
  [[nodiscard]] virtual std::string_view incoming_name() const = 0;
  // `path` "": as a blob only.
  [[nodiscard]] virtual Task<Result<Stored>> publish(Upload& upload, std::string digest,
                                                     std::string path) = 0;
  // Bytes that are here already, hashed again, at another path too.
  [[nodiscard]] virtual Task<Result<Stored>> copy(std::string digest, std::string path) = 0;
  [[nodiscard]] virtual Task<Result<Removal>> remove(std::string digest, std::string path) = 0;
  [[nodiscard]] virtual Task<Result<Found>> find(Name name) = 0;
  // Somebody has asked for the blob. Where blobs can be listed, those that no path has go 30 days after the
  // last time.
  [[nodiscard]] virtual Task<void> note_use(std::string /*digest*/) { co_return; }
  // Answers a GET or HEAD; an error: what was sent of the answer is not whole.
  [[nodiscard]] virtual Task<Status> send(Found found, const net::IncomingRequest& request,
                                          net::ResponseWriter& writer, net::Headers headers) = 0;

  // For work that waits for files.
  [[nodiscard]] asio::thread_pool& files() { return files_; }

 private:
  bool read_only_;
  asio::thread_pool files_{2};
};

[[nodiscard]] std::unique_ptr<Backend> volume_backend(ArtifactStore volume, bool read_only = false);

struct BucketSettings {
  S3Settings s3;
  std::string prefix;                 // "" or ends in "/"; in front of every key
  bool read_only = false;             // somebody else's: an object without a digest is not hashed to be found
  std::filesystem::path credentials;  // as read_s3_credentials() takes it
};
// `uploads`: a folder for bytes on their way in. `clock` outlives the backend.
[[nodiscard]] std::unique_ptr<Backend> bucket_backend(asio::any_io_executor executor, BucketSettings settings,
                                                      ArtifactStore uploads, const Clock& clock);

[[nodiscard]] std::string artifact_content_type(std::string_view path);

}  // namespace wan::gallery
