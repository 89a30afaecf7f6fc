#include "operator/dispatch/capability_issuer.h"

namespace wan::dispatch {
namespace {

// Of grants that are presented at once.
constexpr std::chrono::minutes kShort{5};

}  // namespace

Result<std::string> CapabilityIssuer::for_pod(const std::string& pod_uid) const {
  Capability grant;
  grant.audience = pod_uid;
  grant.scope = "pod";
  grant.epoch = epoch_;
  grant.expires_at = clock_.wall() + kShort;
  return sign(grant);
}

Result<std::string> CapabilityIssuer::for_job(const std::string& pod_uid, const std::string& job_uid,
                                              int attempt) const {
  Capability grant;
  grant.audience = pod_uid;
  grant.subject = job_uid;
  grant.scope = "job";
  grant.attempt = attempt;
  grant.epoch = epoch_;
  grant.expires_at = clock_.wall() + kShort;
  return sign(grant);
}

Result<std::string> CapabilityIssuer::for_upload(const std::string& audience, const std::string& path,
                                                 const std::string& job_uid, int attempt,
                                                 std::chrono::seconds valid_for) const {
  return for_artifact("artifact:write", audience, path, job_uid, attempt, valid_for);
}

Result<std::string> CapabilityIssuer::for_reading(const std::string& audience, const std::string& path,
                                                  const std::string& job_uid,
                                                  std::chrono::seconds valid_for) const {
  return for_artifact("artifact:read", audience, path, job_uid, 0, valid_for);
}

Result<std::string> CapabilityIssuer::for_removal(const std::string& audience, const std::string& path,
                                                  const std::string& job_uid) const {
  return for_artifact("artifact:delete", audience, path, job_uid, 0, kShort);
}

Result<std::string> CapabilityIssuer::for_artifact(const char* scope, const std::string& audience,
                                                   const std::string& path, const std::string& job_uid,
                                                   int attempt, std::chrono::seconds valid_for) const {
  Capability grant;
  grant.audience = audience;
  grant.subject = job_uid;
  grant.scope = scope;
  grant.path = path;
  grant.attempt = attempt;
  grant.epoch = epoch_;
  grant.expires_at = clock_.wall() + valid_for;
  return sign(grant);
}

Result<std::string> CapabilityIssuer::sign(const Capability& grant) const {
  if (!leads_()) return fail(unavailable("the Lease has run out, another process may lead"));
  return sign_capability(grant, seed_);
}

}  // namespace wan::dispatch
