#pragma once
// Where videos are kept: a claim or a bucket of the namespace that names it. Each has one artifact server in
// a namespace, and that a name made from the target alone.

#include <string>
#include <string_view>
#include <vector>

#include "operator/api/video_job.h"
#include "operator/api/wan_deployment.h"

namespace wan::reconcile {

struct ArtifactTarget {
  std::string claim;
  // Or a bucket:
  std::string endpoint;
  std::string bucket;
  std::string region;
  std::string prefix;  // "" or ends in "/"
  std::string secret;
  bool read_only = false;  // others fill it: pictures are read there

  [[nodiscard]] bool empty() const { return claim.empty() && bucket.empty(); }
  bool operator==(const ArtifactTarget&) const = default;
};

// Where the job's video goes: spec.output, else the spec.artifacts of a deployment of its namespace; empty if
// neither says. `deployment` may be null.
[[nodiscard]] ArtifactTarget artifact_target(const api::VideoJob& job, const api::WanDeployment* deployment);
// What the deployment itself names, or empty.
[[nodiscard]] ArtifactTarget artifact_target(const api::WanDeployment& deployment);
// The bucket that spec.image names, or empty.
[[nodiscard]] ArtifactTarget image_target(const api::VideoJob& job);
// Those that the job itself names and still needs a server for: without its deployment's.
[[nodiscard]] std::vector<ArtifactTarget> own_targets(const api::VideoJob& job);
// The path of the job's video there.
[[nodiscard]] std::string artifact_path(const api::VideoJob& job);

// The claim's name, or a text that no claim can have; "" for an empty target. Two targets with one identity
// are the same.
[[nodiscard]] std::string identity_of(const ArtifactTarget& target);
// "claim videos", "bucket films at https://s3.example.com (Secret films-s3)": for messages.
[[nodiscard]] std::string describe(const ArtifactTarget& target);

[[nodiscard]] std::string identity_hash(std::string_view identity);  // 8 hex: label wan.gallery/artifacts
[[nodiscard]] std::string artifact_server_name(std::string_view identity);  // wan-artifacts-<identity_hash>
// "artifacts/NAMESPACE/CLAIM" or "artifacts/NAMESPACE/s3:HASH": the audience of the capabilities for that
// server.
[[nodiscard]] std::string artifact_audience(std::string_view namespace_, const ArtifactTarget& target);

}  // namespace wan::reconcile
