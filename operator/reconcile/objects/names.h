#pragma once
// Names of child objects: functions of their owner alone, so that doing a step twice finds what the first
// time made.

#include <string>
#include <string_view>

#include "operator/api/video_job.h"
#include "operator/api/wan_deployment.h"
#include "operator/api/workloads.h"

namespace wan::reconcile {

inline constexpr int kRuntimePort = 8080;

// `name` + `suffix` if that is at most `limit` bytes; else `name` cut, "-" and 8 hex digits of its SHA-256,
// and `suffix`.
[[nodiscard]] std::string bounded_name(std::string_view name, std::string_view suffix, size_t limit = 63);

// NAME-token-GENERATION
[[nodiscard]] std::string token_secret_name(const api::WanDeployment& deployment, int generation);
// NAME-HASH: a revision's ControllerRevision and Deployment.
[[nodiscard]] std::string revision_name(const api::WanDeployment& deployment, std::string_view hash);
// NAME-runtime: the account, network policy and disruption budget of the pods.
[[nodiscard]] std::string pod_companion_name(const api::WanDeployment& deployment);
[[nodiscard]] std::string run_job_name(const api::VideoJob& job, int attempt);  // NAME-run-ATTEMPT

// "http://HOST:8080", HOST the Service's cluster IP (in brackets for IPv6) or NAME.NAMESPACE.svc for a
// headless one; "" while the Service has no address.
[[nodiscard]] std::string service_url(const api::Service& service);

}  // namespace wan::reconcile
