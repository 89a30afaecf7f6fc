#pragma once
// The HTTP API of a serving pod: which path does what. README.md of this folder is its contract.

#include <boost/asio/thread_pool.hpp>

#include "base/net/server.h"
#include "runtime/service/event_stream.h"
#include "runtime/service/job_runner.h"
#include "runtime/service/settings.h"

namespace wan::service {

class Routes {
 public:
  // References outlive it.
  Routes(const gallery::Authority& authority, const Clock& clock, JobRunner& runner, EventHub& events,
         ImageDecoder decode_image);
  [[nodiscard]] Task<void> handle(net::IncomingRequest& request, net::ResponseWriter& writer);

 private:
  [[nodiscard]] net::Response readiness() const;
  [[nodiscard]] Task<net::Response> answer(net::IncomingRequest& request);
  // "pod" scope, or "job" scope for exactly the job of `uid`.
  [[nodiscard]] std::expected<std::optional<Capability>, net::Response> check(
      const net::IncomingRequest& request, const std::optional<std::string>& uid) const;
  [[nodiscard]] net::Response pod_answer(const net::IncomingRequest& request) const;
  [[nodiscard]] net::Response list() const;
  [[nodiscard]] net::Response get(const std::string& uid) const;
  [[nodiscard]] Task<net::Response> put(net::IncomingRequest& request, std::string uid);
  [[nodiscard]] Task<net::Response> resolve(net::IncomingRequest& request, std::string uid);
  [[nodiscard]] Task<std::expected<jobs::JobRequest, net::Response>> read_job(net::IncomingRequest& request,
                                                                              std::string uid);
  // Makes spec.image of the file in the request.
  [[nodiscard]] Task<Status> fetch_image(jobs::JobRequest& job);
  [[nodiscard]] Task<Status> decode_image(jobs::JobRequest& job);
  [[nodiscard]] net::Response accept(const jobs::JobRequest& job);
  [[nodiscard]] net::Response cancel(const std::string& uid, const std::optional<Capability>& capability);

  const gallery::Authority& authority_;
  const Clock& clock_;
  JobRunner& runner_;
  EventHub& events_;
  ImageDecoder decode_image_;
  asio::thread_pool pictures_{1};
};

}  // namespace wan::service
