#pragma once
// Who may call: the capability of a request, checked against this pod.

#include <string>

#include "base/clock.h"
#include "base/crypto/capability.h"
#include "base/net/http.h"

namespace wan::service {

class Authorizer {
 public:
  // An empty key switches the checks off (local use, loopback only).
  Authorizer(std::string public_key_base64, std::string pod_uid, const Clock& clock);

  // "pod" scope: status, list, events.
  [[nodiscard]] Status check_pod(const net::Request& request) const;
  // "job" scope for exactly this job. Gives the capability back: its attempt and epoch bind the request's
  // body.
  [[nodiscard]] Result<Capability> check_job(const net::Request& request, const std::string& uid) const;
  [[nodiscard]] bool enabled() const { return !public_key_.empty(); }

 private:
  [[nodiscard]] Result<Capability> verify(const net::Request& request) const;

  std::string public_key_;
  std::string pod_uid_;
  const Clock& clock_;
};

}  // namespace wan::service
