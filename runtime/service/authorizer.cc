#include "runtime/service/authorizer.h"

#include <utility>

namespace wan::service {
namespace {

Error denied(std::string message) { return {ErrorCode::kPermissionDenied, std::move(message)}; }

}  // namespace

Authorizer::Authorizer(std::string public_key_base64, std::string pod_uid, const Clock& clock)
    : public_key_(std::move(public_key_base64)), pod_uid_(std::move(pod_uid)), clock_(clock) {}

Result<Capability> Authorizer::verify(const net::Request& request) const {
  constexpr std::string_view kBearer = "Bearer ";
  const auto header = request.headers.get("Authorization");
  if (!header || !header->starts_with(kBearer)) {
    return fail(denied("a capability is needed: Authorization: Bearer ..."));
  }
  return verify_capability(header->substr(kBearer.size()), public_key_, pod_uid_, clock_.wall());
}

Status Authorizer::check_pod(const net::Request& request) const {
  if (!enabled()) return {};
  WAN_TRY(const Capability capability, verify(request));
  if (capability.scope != "pod") {
    return fail(denied("the capability's scope is \"" + capability.scope + "\"; this path needs \"pod\""));
  }
  return {};
}

Result<Capability> Authorizer::check_job(const net::Request& request, const std::string& uid) const {
  if (!enabled()) return Capability{};
  WAN_TRY(Capability capability, verify(request));
  if (capability.scope != "job" || capability.subject != uid) {
    return fail(denied("the capability is not for this job"));
  }
  return capability;
}

}  // namespace wan::service
