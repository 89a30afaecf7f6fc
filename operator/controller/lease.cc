#include "operator/controller/lease.h"

#include <utility>

namespace wan::controller {
namespace {

int64_t whole_seconds(std::chrono::milliseconds duration) {
  return std::max<int64_t>(1, std::chrono::ceil<std::chrono::seconds>(duration).count());
}

}  // namespace

LeaseRecord lease_from_json(const Json& lease) {
  LeaseRecord record;
  record.holder = string_or(lease, {"spec", "holderIdentity"}, "");
  record.duration = std::chrono::seconds(int_or(lease, {"spec", "leaseDurationSeconds"}, 0));
  record.acquire_time = string_or(lease, {"spec", "acquireTime"}, "");
  record.renew_time = string_or(lease, {"spec", "renewTime"}, "");
  record.transitions = int_or(lease, {"spec", "leaseTransitions"}, 0);
  record.resource_version = string_or(lease, {"metadata", "resourceVersion"}, "");
  return record;
}

Json held_lease(const ElectionSettings& settings, const Json& previous, WallTime now) {
  Json lease = previous;
  if (lease.is_null()) {
    lease = Json::object();
    lease["apiVersion"] = "coordination.k8s.io/v1";
    lease["kind"] = "Lease";
    lease["metadata"]["name"] = settings.name;
    lease["metadata"]["namespace"] = settings.namespace_;
  }
  const LeaseRecord before = lease_from_json(lease);
  Json& spec = lease["spec"];
  spec["leaseDurationSeconds"] = whole_seconds(settings.lease_duration);
  spec["renewTime"] = format_micro_time(now);
  if (before.holder != settings.identity) {
    spec["holderIdentity"] = settings.identity;
    spec["acquireTime"] = format_micro_time(now);
    spec["leaseTransitions"] = before.transitions + (previous.is_null() ? 0 : 1);
  }
  return lease;
}

Json released_lease(const Json& previous, WallTime now) {
  Json lease = previous;
  Json& spec = lease["spec"];
  spec["holderIdentity"] = "";
  spec["leaseDurationSeconds"] = 1;
  spec["renewTime"] = format_micro_time(now);
  return lease;
}

void LeaseObserver::observe(LeaseRecord record, SteadyTime now) {
  if (record == record_) return;
  record_ = std::move(record);
  changed_at_ = now;
}

bool LeaseObserver::may_take(const std::string& identity, SteadyTime now) const {
  if (record_.holder.empty() || record_.holder == identity) return true;
  return now - changed_at_ > record_.duration;
}

}  // namespace wan::controller
