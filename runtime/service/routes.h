#pragma once
// The HTTP API of a serving pod: which path does what. README.md of this folder is its contract.

#include "base/net/server.h"
#include "runtime/service/authorizer.h"
#include "runtime/service/event_stream.h"
#include "runtime/service/job_runner.h"

namespace wan::service {

class Routes {
 public:
  Routes(const Authorizer& authorizer, JobRunner& runner, EventHub& events);
  [[nodiscard]] Task<void> handle(net::IncomingRequest& request, net::ResponseWriter& writer);

 private:
  [[nodiscard]] net::Response readiness() const;
  [[nodiscard]] Task<net::Response> answer(net::IncomingRequest& request);
  [[nodiscard]] net::Response pod_answer(const net::IncomingRequest& request) const;
  [[nodiscard]] net::Response list() const;
  [[nodiscard]] net::Response get(const std::string& uid) const;
  [[nodiscard]] Task<net::Response> put(net::IncomingRequest& request, std::string uid);
  [[nodiscard]] net::Response cancel(const std::string& uid);

  const Authorizer& authorizer_;
  JobRunner& runner_;
  EventHub& events_;
};

}  // namespace wan::service
