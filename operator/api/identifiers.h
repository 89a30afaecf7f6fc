#pragma once
// Names that outlive one process: API group, labels and annotations. Changing one orphans objects in
// clusters.

namespace wan::api {

inline constexpr const char* kGroup = "wan.gallery";
inline constexpr const char* kVersion = "v1alpha1";
inline constexpr const char* kApiVersion = "wan.gallery/v1alpha1";

// Labels.
inline constexpr const char* kLabelDeployment = "wan.gallery/deployment";  // WanDeployment name; selector
inline constexpr const char* kLabelVideoJob = "wan.gallery/videojob";      // VideoJob name, cut to 63
inline constexpr const char* kLabelArtifacts = "wan.gallery/artifacts";    // 8 hex of the store; selector
inline constexpr const char* kLabelRevision = "wan.gallery/revision";      // hash of a revision; selector
inline constexpr const char* kLabelTokenGeneration = "wan.gallery/token-generation";
// UID of the WanDeployment or VideoJob that a child or pod was made for. Pods are looked up by it: a name may
// be used again while pods of its former bearer still end.
inline constexpr const char* kLabelOwnerUid = "wan.gallery/owner-uid";
inline constexpr const char* kLabelAppName = "app.kubernetes.io/name";
inline constexpr const char* kLabelAppInstance = "app.kubernetes.io/instance";
inline constexpr const char* kLabelManagedBy = "app.kubernetes.io/managed-by";
inline constexpr const char* kManagedBy = "wan-operator";

// Annotations.
inline constexpr const char* kAnnotationIntent = "wan.gallery/intent";  // sha256 of what was last applied
inline constexpr const char* kAnnotationConfig = "wan.gallery/config";  // sha256 of the pod template, on pods
inline constexpr const char* kAnnotationClaim = "wan.gallery/claim";    // artifact server: the claim's name
inline constexpr const char* kAnnotationBucket = "wan.gallery/bucket";  // or the bucket's identity
// On a ControllerRevision: sha256 of the part of the spec it was made from; why it was given up.
inline constexpr const char* kAnnotationSpec = "wan.gallery/spec";
inline constexpr const char* kAnnotationFailure = "wan.gallery/failure";
// On a pod that is to end once it is idle: it gets no new jobs.
inline constexpr const char* kAnnotationDraining = "wan.gallery/draining";
inline constexpr const char* kAnnotationDeletionCost = "controller.kubernetes.io/pod-deletion-cost";

// Of every server-side apply but those of a status.
inline constexpr const char* kFieldManager = "wan-operator";

// Finalizers.
inline constexpr const char* kFinalizerArtifact = "wan.gallery/artifact";  // the video goes with its VideoJob

}  // namespace wan::api
