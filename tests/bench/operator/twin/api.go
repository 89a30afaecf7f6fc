package main

// The fields of wan.gallery/v1alpha1 that the VideoJob logic uses, as kubebuilder would have them.

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var groupVersion = schema.GroupVersion{Group: "wan.gallery", Version: "v1alpha1"}

func addToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(groupVersion, &VideoJob{}, &VideoJobList{}, &WanDeployment{}, &WanDeploymentList{})
	metav1.AddToGroupVersion(scheme, groupVersion)
	return nil
}

type NameRef struct {
	Name string `json:"name"`
}

type OutputClaim struct {
	ClaimName string `json:"claimName"`
	Path      string `json:"path,omitempty"`
}

type Output struct {
	PVC *OutputClaim `json:"pvc,omitempty"`
}

type VideoJobSpec struct {
	DeploymentRef         *NameRef `json:"deploymentRef,omitempty"`
	Model                 *NameRef `json:"model,omitempty"`
	Prompt                string   `json:"prompt"`
	NegativePrompt        *string  `json:"negativePrompt,omitempty"`
	Size                  string   `json:"size,omitempty"`
	Frames                *int     `json:"frames,omitempty"`
	FPS                   *int     `json:"fps,omitempty"`
	Steps                 *int     `json:"steps,omitempty"`
	GuidanceScale         *float64 `json:"guidanceScale,omitempty"`
	Shift                 *float64 `json:"shift,omitempty"`
	Sampler               string   `json:"sampler,omitempty"`
	Seed                  *int64   `json:"seed,omitempty"`
	Output                *Output  `json:"output,omitempty"`
	Priority              int      `json:"priority,omitempty"`
	ActiveDeadlineSeconds int64    `json:"activeDeadlineSeconds,omitempty"`
	QueueDeadlineSeconds  int64    `json:"queueDeadlineSeconds,omitempty"`
	BackoffLimit          int      `json:"backoffLimit,omitempty"`
	Suspend               bool     `json:"suspend,omitempty"`
	Cancel                bool     `json:"cancel,omitempty"`
}

type Assignment struct {
	PodName    string       `json:"podName"`
	PodUID     string       `json:"podUID"`
	Attempt    int          `json:"attempt"`
	AssignedAt *metav1.Time `json:"assignedAt,omitempty"`
}

type Progress struct {
	Phase       string   `json:"phase,omitempty"`
	Step        int      `json:"step,omitempty"`
	Steps       int      `json:"steps,omitempty"`
	Percent     float64  `json:"percent,omitempty"`
	SecondsLeft *float64 `json:"secondsLeft,omitempty"`
}

type VideoResult struct {
	URL             string  `json:"url,omitempty"`
	SHA256          string  `json:"sha256,omitempty"`
	Bytes           int64   `json:"bytes,omitempty"`
	Width           int     `json:"width,omitempty"`
	Height          int     `json:"height,omitempty"`
	Frames          int     `json:"frames,omitempty"`
	FPS             int     `json:"fps,omitempty"`
	DurationSeconds float64 `json:"durationSeconds,omitempty"`
	Codec           string  `json:"codec,omitempty"`
	Seed            int64   `json:"seed,omitempty"`
	FramesSHA256    string  `json:"framesSha256,omitempty"`
	ModelDigest     string  `json:"modelDigest,omitempty"`
	NumericsID      string  `json:"numericsId,omitempty"`
}

type VideoJobStatus struct {
	ObservedGeneration int64              `json:"observedGeneration"`
	Phase              string             `json:"phase,omitempty"`
	Assignment         *Assignment        `json:"assignment,omitempty"`
	Progress           *Progress          `json:"progress,omitempty"`
	Result             *VideoResult       `json:"result,omitempty"`
	Attempts           int                `json:"attempts,omitempty"`
	Failures           int                `json:"failures,omitempty"`
	RetryTime          *metav1.Time       `json:"retryTime,omitempty"`
	JobHash            string             `json:"jobHash,omitempty"`
	StartTime          *metav1.Time       `json:"startTime,omitempty"`
	CompletionTime     *metav1.Time       `json:"completionTime,omitempty"`
	Conditions         []metav1.Condition `json:"conditions,omitempty"`
}

type VideoJob struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              VideoJobSpec   `json:"spec"`
	Status            VideoJobStatus `json:"status,omitempty"`
}

type VideoJobList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []VideoJob `json:"items"`
}

type ArtifactStore struct {
	PVC *OutputClaim `json:"pvc,omitempty"`
}

type WanDeploymentSpec struct {
	Model     NameRef        `json:"model"`
	Artifacts *ArtifactStore `json:"artifacts,omitempty"`
}

type WanDeploymentStatus struct {
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

type WanDeployment struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              WanDeploymentSpec   `json:"spec"`
	Status            WanDeploymentStatus `json:"status,omitempty"`
}

type WanDeploymentList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []WanDeployment `json:"items"`
}

func copied[T any](value *T) *T {
	if value == nil {
		return nil
	}
	made := *value
	return &made
}

func (in *VideoJob) DeepCopy() *VideoJob {
	out := *in
	in.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	spec := &out.Spec
	spec.DeploymentRef, spec.Model, spec.NegativePrompt = copied(spec.DeploymentRef), copied(spec.Model), copied(spec.NegativePrompt)
	spec.Frames, spec.FPS, spec.Steps = copied(spec.Frames), copied(spec.FPS), copied(spec.Steps)
	spec.GuidanceScale, spec.Shift, spec.Seed = copied(spec.GuidanceScale), copied(spec.Shift), copied(spec.Seed)
	if spec.Output = copied(spec.Output); spec.Output != nil {
		spec.Output.PVC = copied(spec.Output.PVC)
	}
	out.Status = *in.Status.DeepCopy()
	return &out
}

func (in *VideoJobStatus) DeepCopy() *VideoJobStatus {
	out := *in
	if out.Assignment = copied(in.Assignment); out.Assignment != nil {
		out.Assignment.AssignedAt = copied(out.Assignment.AssignedAt)
	}
	if out.Progress = copied(in.Progress); out.Progress != nil {
		out.Progress.SecondsLeft = copied(out.Progress.SecondsLeft)
	}
	out.Result = copied(in.Result)
	out.RetryTime, out.StartTime, out.CompletionTime = copied(in.RetryTime), copied(in.StartTime), copied(in.CompletionTime)
	out.Conditions = append([]metav1.Condition(nil), in.Conditions...)
	return &out
}

func (in *VideoJob) DeepCopyObject() runtime.Object { return in.DeepCopy() }

func (in *VideoJobList) DeepCopyObject() runtime.Object {
	out := *in
	out.Items = make([]VideoJob, len(in.Items))
	for i := range in.Items {
		out.Items[i] = *in.Items[i].DeepCopy()
	}
	return &out
}

func (in *WanDeployment) DeepCopy() *WanDeployment {
	out := *in
	in.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	if out.Spec.Artifacts = copied(in.Spec.Artifacts); out.Spec.Artifacts != nil {
		out.Spec.Artifacts.PVC = copied(out.Spec.Artifacts.PVC)
	}
	out.Status.Conditions = append([]metav1.Condition(nil), in.Status.Conditions...)
	return &out
}

func (in *WanDeployment) DeepCopyObject() runtime.Object { return in.DeepCopy() }

func (in *WanDeploymentList) DeepCopyObject() runtime.Object {
	out := *in
	out.Items = make([]WanDeployment, len(in.Items))
	for i := range in.Items {
		out.Items[i] = *in.Items[i].DeepCopy()
	}
	return &out
}

func (job *VideoJob) finished() bool {
	switch job.Status.Phase {
	case "Succeeded", "Failed", "Cancelled":
		return true
	}
	return false
}
