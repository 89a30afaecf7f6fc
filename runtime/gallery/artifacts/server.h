#pragma once
// The artifact server: one volume over HTTP. README.md of runtime/gallery has the protocol.

#include <boost/asio/thread_pool.hpp>

#include "base/clock.h"
#include "base/net/server.h"
#include "runtime/gallery/artifacts/store.h"
#include "runtime/gallery/authority.h"

namespace wan::gallery {

struct ArtifactServerSettings {
  Authority authority;
  net::ServerSettings http;
};

class ArtifactServer {
 public:
  // `clock` outlives the server.
  ArtifactServer(asio::any_io_executor executor, ArtifactStore store, ArtifactServerSettings settings,
                 const Clock& clock);
  // Prepares the volume and listens.
  [[nodiscard]] Status start();
  [[nodiscard]] uint16_t port() const { return http_.port(); }
  [[nodiscard]] Task<void> stop(std::chrono::milliseconds grace);

 private:
  struct Resource;
  [[nodiscard]] Task<void> handle(net::IncomingRequest& request, net::ResponseWriter& writer);
  [[nodiscard]] Task<net::Response> ready();
  [[nodiscard]] Task<net::Response> put(net::IncomingRequest& request, const Resource& resource);
  [[nodiscard]] Task<net::Response> copy(const Resource& resource, std::string digest);
  [[nodiscard]] Task<Status> receive(net::IncomingRequest& request, Upload& upload);
  [[nodiscard]] Task<void> get(net::ResponseWriter& writer, const Resource& resource);
  [[nodiscard]] Task<net::Response> remove(const net::IncomingRequest& request, const Resource& resource);

  ArtifactStore store_;
  ArtifactServerSettings settings_;
  const Clock& clock_;
  asio::thread_pool files_{2};
  net::Server http_;
};

}  // namespace wan::gallery
