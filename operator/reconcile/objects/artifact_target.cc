#include "operator/reconcile/objects/artifact_target.h"

#include "base/crypto/sha256.h"

namespace wan::reconcile {
namespace {

constexpr const char* kDefaultRegion = "us-east-1";

std::string without_slash(std::string text) {
  if (text.ends_with('/')) text.pop_back();
  return text;
}

// Two ways to write one bucket are one target.
template <typename Ref>
ArtifactTarget bucket(const Ref& ref) {
  ArtifactTarget target;
  target.endpoint = without_slash(ref.endpoint);
  target.bucket = ref.bucket;
  target.region = ref.region.empty() ? kDefaultRegion : ref.region;
  target.secret = ref.secret_ref.name;
  return target;
}

}  // namespace

ArtifactTarget artifact_target(const api::VideoJob& job, const api::WanDeployment* deployment) {
  if (job.spec.output && job.spec.output->pvc) return {.claim = job.spec.output->pvc->claim_name};
  if (job.spec.output && job.spec.output->s3) return bucket(*job.spec.output->s3);
  // A store is of the namespace that names it.
  const bool same = deployment && deployment->metadata.namespace_ == job.metadata.namespace_;
  return same ? artifact_target(*deployment) : ArtifactTarget{};
}

ArtifactTarget artifact_target(const api::WanDeployment& deployment) {
  const auto& artifacts = deployment.spec.artifacts;
  if (artifacts && artifacts->pvc) return {.claim = artifacts->pvc->claim_name};
  if (!artifacts || !artifacts->s3) return {};
  ArtifactTarget target = bucket(*artifacts->s3);
  if (!artifacts->s3->prefix.empty()) target.prefix = without_slash(artifacts->s3->prefix) + "/";
  return target;
}

ArtifactTarget image_target(const api::VideoJob& job) {
  if (!job.spec.image || !job.spec.image->s3) return {};
  ArtifactTarget target = bucket(*job.spec.image->s3);
  target.read_only = true;
  return target;
}

std::vector<ArtifactTarget> own_targets(const api::VideoJob& job) {
  std::vector<ArtifactTarget> targets;
  ArtifactTarget results = artifact_target(job, nullptr);
  if (!results.empty()) targets.push_back(std::move(results));
  ArtifactTarget pictures = image_target(job);
  // What a video begins with is not asked for again once it is there.
  if (!pictures.empty() && !is_finished(job.status)) targets.push_back(std::move(pictures));
  return targets;
}

std::string artifact_path(const api::VideoJob& job) {
  const auto& output = job.spec.output;
  if (output && output->pvc && !output->pvc->path.empty()) return output->pvc->path;
  if (output && output->s3) return output->s3->key;
  return job.metadata.name + ".mp4";
}

std::string identity_of(const ArtifactTarget& target) {
  if (target.bucket.empty()) return target.claim;
  return target.endpoint + "/" + target.bucket + "/" + target.prefix + "?region=" + target.region +
         "&secret=" + target.secret + (target.read_only ? "&access=read" : "");
}

std::string describe(const ArtifactTarget& target) {
  if (target.bucket.empty()) return "claim " + target.claim;
  const std::string folder = target.prefix.empty() ? "" : "/" + without_slash(target.prefix);
  return "bucket " + target.bucket + folder + " at " + target.endpoint + " (Secret " + target.secret + ")";
}

std::string identity_hash(std::string_view identity) { return sha256_hex(identity).substr(0, 8); }

std::string artifact_server_name(std::string_view identity) {
  return "wan-artifacts-" + identity_hash(identity);
}

std::string artifact_audience(std::string_view namespace_, const ArtifactTarget& target) {
  const std::string store = target.bucket.empty() ? target.claim : "s3:" + identity_hash(identity_of(target));
  return "artifacts/" + std::string(namespace_) + "/" + store;
}

}  // namespace wan::reconcile
