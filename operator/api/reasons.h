#pragma once
// Every reason and phase that appears in a status. Programs and alerts match on these: add freely, rename
// never.

namespace wan::api {

namespace reason {
// Any kind.
inline constexpr const char* kModelNotFound = "ModelNotFound";
inline constexpr const char* kProfileNotFound = "ProfileNotFound";
inline constexpr const char* kForbidden = "Forbidden";
inline constexpr const char* kRefused = "Refused";
inline constexpr const char* kNameConflict = "NameConflict";
inline constexpr const char* kInvalidSpec = "InvalidSpec";
// GalleryModel.
inline constexpr const char* kValid = "Valid";
inline constexpr const char* kInspecting = "Inspecting";
inline constexpr const char* kSourceUnreadable = "SourceUnreadable";
// Pods of a WanDeployment or VideoJob, worst first.
inline constexpr const char* kReplicaFailure = "ReplicaFailure";
inline constexpr const char* kUnschedulable = "Unschedulable";
inline constexpr const char* kImagePullFailed = "ImagePullFailed";
inline constexpr const char* kContainerNotStarted = "ContainerNotStarted";
inline constexpr const char* kWeightsFailed = "WeightsFailed";
inline constexpr const char* kRuntimeCrashed = "RuntimeCrashed";
inline constexpr const char* kPodFailed = "PodFailed";
inline constexpr const char* kProgressDeadlineExceeded = "ProgressDeadlineExceeded";
inline constexpr const char* kPulling = "PullingWeights";
inline constexpr const char* kLoading = "LoadingModel";
inline constexpr const char* kProbing = "Probing";
inline constexpr const char* kStartingPods = "StartingPods";
// WanDeployment.
inline constexpr const char* kRunning = "Running";
inline constexpr const char* kRolledBack = "RolledBack";
inline constexpr const char* kUpdating = "Updating";
inline constexpr const char* kScaling = "Scaling";
inline constexpr const char* kSuspending = "Suspending";
inline constexpr const char* kSuspended = "Suspended";
inline constexpr const char* kScaledToZero = "ScaledToZero";
// VideoJob, waiting.
inline constexpr const char* kDeploymentNotFound = "DeploymentNotFound";
inline constexpr const char* kRefNotPermitted = "RefNotPermitted";
inline constexpr const char* kWaitingForDeployment = "WaitingForDeployment";
inline constexpr const char* kWaitingForReplica = "WaitingForReplica";
inline constexpr const char* kWaitingForArtifactServer = "WaitingForArtifactServer";
inline constexpr const char* kNoArtifactStore = "NoArtifactStore";
inline constexpr const char* kImageNotFound = "ImageNotFound";
inline constexpr const char* kImageUnavailable = "ImageUnavailable";
inline constexpr const char* kWaitingForIdenticalJob = "WaitingForIdenticalJob";
inline constexpr const char* kStartingJob = "StartingJob";
inline constexpr const char* kAssigned = "Assigned";
inline constexpr const char* kGenerating = "Generating";
inline constexpr const char* kRetrying = "Retrying";
inline constexpr const char* kCancelling = "Cancelling";
// VideoJob: kSuspending while its pod stops, then kSuspended.
// VideoJob, ended.
inline constexpr const char* kCompleted = "Completed";
inline constexpr const char* kCancelled = "Cancelled";
inline constexpr const char* kDeadlineExceeded = "DeadlineExceeded";
inline constexpr const char* kQueueDeadlineExceeded = "QueueDeadlineExceeded";
inline constexpr const char* kBackoffLimitExceeded = "BackoffLimitExceeded";
inline constexpr const char* kGenerationFailed = "GenerationFailed";
inline constexpr const char* kTTLIgnored = "TTLIgnored";
inline constexpr const char* kArtifactLeft = "ArtifactLeft";
}  // namespace reason

namespace deployment_phase {
inline constexpr const char* kCreating = "Creating";
inline constexpr const char* kWaiting = "Waiting";
inline constexpr const char* kRunning = "Running";
inline constexpr const char* kUpdating = "Updating";
inline constexpr const char* kScaling = "Scaling";
inline constexpr const char* kStopping = "Stopping";
inline constexpr const char* kStopped = "Stopped";
inline constexpr const char* kFailed = "Failed";
}  // namespace deployment_phase

namespace job_phase {
inline constexpr const char* kPending = "Pending";
inline constexpr const char* kQueued = "Queued";
inline constexpr const char* kRunning = "Running";
inline constexpr const char* kSucceeded = "Succeeded";
inline constexpr const char* kFailed = "Failed";
inline constexpr const char* kCancelled = "Cancelled";
inline constexpr const char* kSuspended = "Suspended";
}  // namespace job_phase

namespace runtime_phase {
inline constexpr const char* kLoading = "Loading";
inline constexpr const char* kProbing = "Probing";
inline constexpr const char* kReady = "Ready";
inline constexpr const char* kDraining = "Draining";
inline constexpr const char* kFailed = "Failed";
}  // namespace runtime_phase

}  // namespace wan::api
