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

[[nodiscard]] std::string claim_hash(std::string_view claim);            // 8 hex: label wan.gallery/artifacts
[[nodiscard]] std::string artifact_server_name(std::string_view claim);  // wan-artifacts-<claim_hash>
// "artifacts/NAMESPACE/CLAIM": the audience of the capabilities for that server.
[[nodiscard]] std::string artifact_audience(std::string_view namespace_, std::string_view claim);

// The claim that the job's video goes to: spec.output.pvc, else the spec.artifacts.pvc of a deployment
// of its namespace; "" if neither says. `deployment` may be null.
[[nodiscard]] std::string artifact_claim(const api::VideoJob& job, const api::WanDeployment* deployment);
// The claim that the deployment itself names, or "".
[[nodiscard]] std::string artifact_claim(const api::WanDeployment& deployment);
[[nodiscard]] std::string artifact_path(const api::VideoJob& job);

// "http://HOST:8080", HOST the Service's cluster IP (in brackets for IPv6) or NAME.NAMESPACE.svc for a
// headless one; "" while the Service has no address.
[[nodiscard]] std::string service_url(const api::Service& service);

}  // namespace wan::reconcile
