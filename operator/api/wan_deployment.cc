#include "operator/api/wan_deployment.h"

#include "operator/api/bucket_fields.h"
#include "operator/api/codec.h"
#include "operator/api/identifiers.h"
#include "operator/api/limits.h"
#include "operator/api/reasons.h"
#include "operator/api/resource_codec.h"

namespace wan::api {

const Table<ArtifactBucket>& ArtifactBucket::table() {
  static const Table<ArtifactBucket> table = bucket_fields<ArtifactBucket>().add(
      "prefix", &ArtifactBucket::prefix,
      {.text =
           "Folder of the bucket for the videos, and for what the artifact server notes about them. Unset "
           "means its top.",
       .max_length = 256,
       .rules = {artifact_prefix_rule()}});
  return table;
}

const Table<ArtifactStore>& ArtifactStore::table() {
  static const Table<ArtifactStore> table =
      Table<ArtifactStore>()
          .add(
              "pvc", &ArtifactStore::pvc,
              {.text =
                   "A claim of this namespace; ReadWriteOnce is enough, only the artifact server mounts it."})
          .add("s3", &ArtifactStore::s3, {.text = "A bucket."})
          .rule("has(self.pvc) != has(self.s3)", "artifacts must name a store, exactly one of pvc and s3");
  return table;
}

const Table<Access>& Access::table() {
  static const Table<Access> table =
      Table<Access>()
          .add("tokenGeneration", &Access::token_generation,
               {.text = "Raise it to replace the access token; status.tokenSecretRef names the Secret with "
                        "the new one.",
                .defaulted = true,
                .minimum = 1,
                .maximum = 1000000,
                .rules = {{"self >= oldSelf", "must not go down: raise it to replace the token"}}})
          .add("previousTokenSeconds", &Access::previous_token_seconds,
               {.text = "How long the replaced token stays valid, 0 to 2592000 (30 days); then its Secret is "
                        "deleted. 0 ends it at once.",
                .defaulted = true,
                .minimum = 0,
                .maximum = 2592000})
          .add("tokenHashes", &Access::token_hashes,
               {.text = "SHA-256 digests (sha256:HEX) of tokens of your own that are valid too.",
                .max_length = 71,
                .max_items = 16,
                .list_type = "set",
                .item_rules = {digest_rule()}});
  return table;
}

const Table<NamespaceSelector>& NamespaceSelector::table() {
  static const Table<NamespaceSelector> table = Table<NamespaceSelector>().add(
      "matchLabels", &NamespaceSelector::match_labels,
      {.text = "Labels that a namespace must have, all of them. kubernetes.io/metadata.name is its name.",
       .required = true,
       .max_length = 63,
       .max_items = 16,
       .rules = {label_map_rule(),
                 {"size(self) > 0", "must have at least one label; from: All serves every namespace"}}});
  return table;
}

const Table<AllowedNamespaces>& AllowedNamespaces::table() {
  static const Table<AllowedNamespaces> table =
      Table<AllowedNamespaces>()
          .add("from", &AllowedNamespaces::from,
               {.text = "Same (the deployment's own namespace), All, or Selector.",
                .defaulted = true,
                .max_length = 16,
                .values = {"Same", "All", "Selector"}})
          .add("selector", &AllowedNamespaces::selector,
               {.text = "With from: Selector, which namespaces; the deployment's own is always served."})
          .rule("has(self.selector) == (self.from == 'Selector')",
                "allowedNamespaces must have selector exactly when from is Selector");
  return table;
}

const Table<Scaling>& Scaling::table() {
  static const Table<Scaling> table =
      Table<Scaling>()
          .add("min", &Scaling::min,
               {.text = "Fewest replicas, 0 to 1000. 0 stops the last one when no VideoJob came for a while; "
                        "the next "
                        "one starts it again.",
                .defaulted = true,
                .minimum = 0,
                .maximum = 1000})
          .add("max", &Scaling::max,
               {.text = "Most replicas, 1 to 1000.", .required = true, .minimum = 1, .maximum = 1000})
          .add("scaleToZeroAfterSeconds", &Scaling::scale_to_zero_after_seconds,
               {.text =
                    "With min 0: how long the last replica stays after the last VideoJob ended, 1 to 86400. "
                    "Unset means 600.",
                .minimum = 1,
                .maximum = 86400})
          .rule("self.min <= self.max", "scaling.min must be at most scaling.max")
          .rule("!has(self.scaleToZeroAfterSeconds) || self.min == 0",
                "scaling.scaleToZeroAfterSeconds is allowed only with scaling.min 0");
  return table;
}

const Table<PodMetadata>& PodMetadata::table() {
  static const Table<PodMetadata> table = Table<PodMetadata>()
                                              .add("labels", &PodMetadata::labels,
                                                   {.text = "Labels to add to the pods.",
                                                    .max_length = 63,
                                                    .max_items = 16,
                                                    .rules = {label_map_rule(), no_reserved_keys_rule()}})
                                              .add("annotations", &PodMetadata::annotations,
                                                   {.text = "Annotations to add to the pods.",
                                                    .max_length = 4096,
                                                    .max_items = 16,
                                                    .rules = {no_reserved_keys_rule()}});
  return table;
}

const Table<PodTemplate>& PodTemplate::table() {
  static const Table<PodTemplate> table = Table<PodTemplate>().add(
      "metadata", &PodTemplate::metadata, {.text = "Labels and annotations of the pods.", .required = true});
  return table;
}

const Table<WanDeploymentSpec>& WanDeploymentSpec::table() {
  static const Table<WanDeploymentSpec> table =
      Table<WanDeploymentSpec>()
          .add("model", &WanDeploymentSpec::model, {.text = "What is served.", .required = true})
          .add("profile", &WanDeploymentSpec::profile,
               {.text = "Name of one of the model's profiles. Unset takes the first.",
                .max_length = 63,
                .rules = {label_name_rule()}})
          .add(
              "replicas", &WanDeploymentSpec::replicas,
              {.text = "How many pods serve the model, 0 to 1000. An autoscaler may write it through /scale.",
               .defaulted = true,
               .minimum = 0,
               .maximum = 1000})
          .add("scaling", &WanDeploymentSpec::scaling,
               {.text = "Lets the operator choose the number of replicas by the predicted seconds of work "
                        "that wait; "
                        "replicas is then ignored, and the choice is in status.desiredReplicas."})
          .add("gpu", &WanDeploymentSpec::gpu, {.text = "Overrides the profile's GPUs."})
          .add("placement", &WanDeploymentSpec::placement, {.text = "Where pods may run."})
          .add("cache", &WanDeploymentSpec::cache,
               {.text = "Where pods keep the weights. Unset keeps them on the node's disk, as long as the "
                        "pod lives."})
          .add("artifacts", &WanDeploymentSpec::artifacts,
               {.text = "Where videos go, unless a VideoJob says otherwise."})
          .add("access", &WanDeploymentSpec::access,
               {.text = "The token that callers of the endpoint show.", .defaulted = true})
          .add("allowedNamespaces", &WanDeploymentSpec::allowed_namespaces,
               {.text = "Whose VideoJobs are served. Unset serves those of the deployment's own namespace."})
          .add("updatePolicy", &WanDeploymentSpec::update_policy,
               {.text = "When pods are replaced: OnSpecChange (only when this spec asks for other pods) or "
                        "Auto (also "
                        "when the operator brings another runtime image, or the GalleryModel changes).",
                .defaulted = true,
                .max_length = 16,
                .values = {"OnSpecChange", "Auto"}})
          .add("protection", &WanDeploymentSpec::protection,
               {.text = "true makes the API server refuse to delete this WanDeployment (and so its "
                        "namespace) until it "
                        "is false again.",
                .defaulted = true})
          .add("suspend", &WanDeploymentSpec::suspend,
               {.text = "true stops all pods and keeps everything else.", .defaulted = true})
          .add("podTemplate", &WanDeploymentSpec::pod_template,
               {.text = "What pods carry beyond what the operator gives them. Labels of the WanDeployment "
                        "itself are "
                        "never copied."});
  return table;
}

const Table<ModelStatus>& ModelStatus::table() {
  static const Table<ModelStatus> table =
      Table<ModelStatus>().add("digest", &ModelStatus::digest,
                               {.text = "Manifest digest of the weights in use, as a ready pod reports it."});
  return table;
}

const Table<WeightsStatus>& WeightsStatus::table() {
  static const Table<WeightsStatus> table =
      Table<WeightsStatus>()
          .add("bytesDone", &WeightsStatus::bytes_done,
               {.text = "Bytes of weights that a pod has fetched and checked."})
          .add("bytesTotal", &WeightsStatus::bytes_total, {.text = "Bytes of weights in all."})
          .add("bytesPerSecond", &WeightsStatus::bytes_per_second,
               {.text = "How fast they come, while they do."})
          .add("secondsLeft", &WeightsStatus::seconds_left,
               {.text = "Seconds until they are there, at that speed."});
  return table;
}

const Table<WanDeploymentStatus>& WanDeploymentStatus::table() {
  using namespace deployment_phase;
  static const Table<WanDeploymentStatus> table =
      Table<WanDeploymentStatus>()
          .add("observedGeneration", &WanDeploymentStatus::observed_generation,
               {.text = "metadata.generation that this status is about; -1 before the operator first looked.",
                .defaulted = true})
          .add(
              "phase", &WanDeploymentStatus::phase,
              {.text =
                   "In one word: Creating, Waiting (for nodes, images, a model), Running, Updating, Scaling, "
                   "Stopping, Stopped or Failed.",
               .values = {kCreating, kWaiting, kRunning, kUpdating, kScaling, kStopping, kStopped, kFailed}})
          .add("endpoint", &WanDeploymentStatus::endpoint,
               {.text = "Address of the runtime Service inside the cluster."})
          .add("tokenSecretRef", &WanDeploymentStatus::token_secret_ref,
               {.text = "Secret of this namespace with the access token, under the key token."})
          .add("tokenHashes", &WanDeploymentStatus::token_hashes,
               {.text = "SHA-256 digests of the tokens that are valid."})
          .add("desiredReplicas", &WanDeploymentStatus::desired_replicas,
               {.text = "Pods that shall serve: spec.replicas, or what spec.scaling makes of the work that "
                        "waits; 0 "
                        "while suspended."})
          .add("replicas", &WanDeploymentStatus::replicas, {.text = "Pods that exist."})
          .add("readyReplicas", &WanDeploymentStatus::ready_replicas,
               {.text = "Pods that have loaded the model and passed their probe generation."})
          .add("selector", &WanDeploymentStatus::selector,
               {.text = "Label selector of the pods, as autoscalers read it."})
          .add("model", &WanDeploymentStatus::model, {.text = "The model in use."})
          .add("weights", &WanDeploymentStatus::weights,
               {.text = "How far the weights are, where that is known."})
          .add("conditions", &WanDeploymentStatus::conditions,
               {.text = "Ready: all replicas serve what this generation asks for. Reconciling: on the way, "
                        "and why not "
                        "there yet. Stalled: it will not get there by itself, and why.",
                .list_type = "map",
                .list_keys = {"type"}});
  return table;
}

template <>
const KindInfo& kind_info<WanDeployment>() {
  static const KindInfo info{kGroup, kVersion, "WanDeployment", "wandeployments", true};
  return info;
}

template <>
Result<WanDeployment> from_json<WanDeployment>(const Json& object) {
  return read_resource<WanDeployment>(object);
}

Json to_json(const WanDeploymentSpec& spec) { return WanDeploymentSpec::table().write(spec); }
Json to_json(const WanDeploymentStatus& status) { return WanDeploymentStatus::table().write(status); }

}  // namespace wan::api
