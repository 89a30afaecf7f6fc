#pragma once
// What a reconcile decided, as a value. plan() builds it from what was observed; execute/ carries it out, one
// write at a time, and stops at the first that fails: the next reconcile starts from what is then true.

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/json/json.h"
#include "operator/api/blob_ref.h"

namespace wan::reconcile {

struct ObjectRef {
  std::string api_version;  // "apps/v1"
  std::string kind;
  std::string namespace_;  // "" for cluster-scoped kinds
  std::string name;
  std::string uid;
};

// Server-side apply with the full intent, field manager "wan-operator", force.
struct Apply {
  Json object;
};

// Plain create, in one request, of an object that never changes. One of that name that is there already must
// have the same owner; then it counts as done.
struct Create {
  Json object;
  // The one that nobody may read (the token Secret): whatever is there counts as done.
  bool is_unreadable = false;
};

// Always with preconditions.uid; `ref.uid` must be set. Not found counts as done.
struct Delete {
  ObjectRef ref;
  std::string propagation = "Background";
};

// Server-side apply on the status subresource, field manager "wan-operator-status", full status. With
// `resource_version` set the write is refused if the object changed since it was observed.
struct WriteStatus {
  ObjectRef ref;
  Json status;
  std::string resource_version;
};

struct EmitEvent {
  ObjectRef regarding;
  std::string type = "Normal";  // or "Warning"
  std::string reason;
  std::string action;
  std::string note;
};

// A file in a ConfigMap.
struct ImageRef {
  std::string namespace_;
  std::string config_map;
  std::string key;  // of its binaryData

  bool operator==(const ImageRef&) const = default;
};

using api::BlobRef;

// Where a job's picture is.
using ImageSource = std::variant<ImageRef, BlobRef>;

// Hands a job to a runtime pod: PUT /v1/jobs/{uid}. Only ever after a WriteStatus of the assignment in the
// same plan or an earlier one (an assignment that is not in etcd does not exist).
struct Dispatch {
  std::string pod_uid;
  std::string job_uid;
  int attempt = 0;
  Json body;                      // the request without the epoch and the capabilities, which execute/ adds
  std::string artifact_audience;  // "artifacts/NAMESPACE/STORE"
  std::string artifact_path;
  std::optional<ImageSource> image = {};  // joins the body
};

// Asks a pod what it would make of a job: POST /v1/jobs/{uid}/resolution. The plan after it knows the answer.
struct Resolve {
  std::string pod_uid;
  std::string job_uid;
  int attempt = 0;
  Json body;
  std::optional<ImageSource> image = {};
};

// Looks whether a job's picture is there, or has it taken in; the next plan knows.
struct FindImage {
  std::string job_uid;
  ImageSource image;
};

// The video of another job at this job's path too, without making it again. The artifact server reads and
// hashes it first; where that cannot be, the next plan knows it.
struct CopyArtifact {
  std::string url;
  std::string audience;
  std::string path;
  std::string sha256;
  std::string job_uid;
  std::string twin_uid;  // the VideoJob that it was made for
};

// DELETE /v1/jobs/{uid} on a pod.
struct CancelOnPod {
  std::string pod_uid;
  std::string job_uid;
  int attempt = 0;
};

// Takes a video out of the store of an artifact server, if it is the one with that digest. One that is not
// there any more counts as done.
struct DeleteArtifact {
  std::string url;       // "http://HOST:8080/v1/artifacts/PATH"
  std::string audience;  // "artifacts/NAMESPACE/STORE"
  std::string path;
  std::string sha256;
  std::string job_uid;
};

// Adds or removes one finalizer of the operator's, field manager "wan-operator-finalizer".
struct SetFinalizer {
  ObjectRef ref;
  std::string finalizer;
  bool present = true;
};

using Step = std::variant<Apply, Create, Delete, WriteStatus, EmitEvent, Resolve, Dispatch, CancelOnPod,
                          CopyArtifact, DeleteArtifact, SetFinalizer, FindImage>;

struct Plan {
  std::vector<Step> steps;
  // When to look again although nothing changed (a deadline, a retry).
  std::optional<std::chrono::milliseconds> requeue_after;
};

// Plans again no later than after `delay`.
inline void look_again(Plan& plan, std::chrono::microseconds delay) {
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(delay);
  plan.requeue_after = std::min(plan.requeue_after.value_or(wait), wait);
}

}  // namespace wan::reconcile
