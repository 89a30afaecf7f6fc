#pragma once
// The artifact server: one store over HTTP. README.md of runtime/gallery has the protocol.

#include "base/clock.h"
#include "base/net/server.h"
#include "runtime/gallery/artifacts/backend.h"
#include "runtime/gallery/artifacts/intake.h"
#include "runtime/gallery/authority.h"

namespace wan::gallery {

struct ArtifactServerSettings {
  Authority authority;
  net::ServerSettings http;
  IntakeSettings intake;
};

class ArtifactServer {
 public:
  // `clock` outlives the server.
  ArtifactServer(asio::any_io_executor executor, std::unique_ptr<Backend> store,
                 ArtifactServerSettings settings, const Clock& clock);
  // Prepares the store and listens.
  [[nodiscard]] Status start();
  // Waits while the store may yet come, `patience` at most; the error that is in the way otherwise.
  [[nodiscard]] Task<Status> wait_until_usable(std::chrono::milliseconds patience);
  [[nodiscard]] uint16_t port() const { return http_.port(); }
  [[nodiscard]] Task<void> stop(std::chrono::milliseconds grace);

 private:
  struct Resource;
  [[nodiscard]] std::optional<net::Response> refuse_head(const net::IncomingRequest& request) const;
  [[nodiscard]] Task<void> handle(net::IncomingRequest& request, net::ResponseWriter& writer);
  [[nodiscard]] Task<net::Response> ready();
  [[nodiscard]] Task<void> take_in(net::IncomingRequest& request, net::ResponseWriter& writer);
  [[nodiscard]] Task<net::Response> take_in(net::IncomingRequest& request);
  [[nodiscard]] Task<net::Response> put(net::IncomingRequest& request, const Resource& resource);
  [[nodiscard]] Task<net::Response> copy(const Resource& resource, std::string digest);
  [[nodiscard]] Task<Status> receive(net::IncomingRequest& request, Upload& upload);
  [[nodiscard]] Task<void> get(const net::IncomingRequest& request, net::ResponseWriter& writer,
                               const Resource& resource);
  [[nodiscard]] Task<net::Response> remove(const net::IncomingRequest& request, const Resource& resource);

  std::unique_ptr<Backend> store_;
  ArtifactServerSettings settings_;
  const Clock& clock_;
  Intake intake_;
  net::Server http_;
};

}  // namespace wan::gallery
