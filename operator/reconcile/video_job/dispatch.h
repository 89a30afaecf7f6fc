#pragma once
// Giving a job to a pod.

#include "operator/reconcile/objects/artifact_target.h"
#include "operator/reconcile/video_job/draft.h"

namespace wan::reconcile::video_job {

// Writes the assignment into the draft, to be dispatched after the status is written. `attempt` counts
// from 1.
void assign(Draft& draft, const api::Pod& pod, int attempt);

// Adds the Dispatch for the draft's assignment. Does nothing while the artifact server has no address.
void dispatch(Draft& draft);

// The body of PUT /v1/jobs/{uid}, without what execute/ adds. The artifact server must have an address.
[[nodiscard]] Json job_body(const Draft& draft, const std::string& pod_uid, int attempt, int64_t seconds);

// Why the job cannot go on: the state of the artifact server of its video, or of another. Nothing if that is
// ready.
[[nodiscard]] std::optional<api::Verdict> artifact_server_trouble(const Draft& draft);
[[nodiscard]] std::optional<api::Verdict> artifact_server_trouble(const ArtifactServer& server,
                                                                  const ArtifactTarget& target);

// "http://HOST:8080", or "" while it has no address.
[[nodiscard]] std::string url_of(const ArtifactServer& server);

// Where the job's video is, or will be, on its artifact server; "" while that has no address. And who that
// server is in a capability.
[[nodiscard]] std::string artifact_url(const Draft& draft);
[[nodiscard]] std::string artifact_audience(const Draft& draft);

// Where the job's video goes, by its own spec or its deployment's; empty if neither says.
[[nodiscard]] ArtifactTarget target_of(const Draft& draft);
// The video's place as its status says it: s3://BUCKET/KEY, or the address at the artifact server.
[[nodiscard]] std::string video_url(const Draft& draft);

}  // namespace wan::reconcile::video_job
