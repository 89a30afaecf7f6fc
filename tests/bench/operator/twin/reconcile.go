package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const fieldOwner = client.FieldOwner("twin-status")

type reconciler struct {
	client.Client
	pods     *runtimes
	recorder events.EventRecorder
	wake     func(types.NamespacedName)
	leads    chan struct{} // closed once the epoch is known

	mutex   sync.Mutex
	queues  map[types.NamespacedName]*queue
	keys    map[types.UID]types.NamespacedName
	written map[types.NamespacedName]uint64 // resourceVersion of the last own write
	told    map[types.UID]time.Time         // when the status was last written
}

func deploymentKey(job *VideoJob) types.NamespacedName {
	return types.NamespacedName{Namespace: job.Namespace, Name: job.Spec.DeploymentRef.Name}
}

func (r *reconciler) queueOf(key types.NamespacedName) *queue {
	if r.queues[key] == nil {
		r.queues[key] = newQueue()
	}
	return r.queues[key]
}

// The cache has shown a change of the job.
func (r *reconciler) jobChanged(job *VideoJob, gone bool) {
	if job.Spec.DeploymentRef == nil {
		return
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	key := types.NamespacedName{Namespace: job.Namespace, Name: job.Name}
	if gone {
		delete(r.keys, job.UID)
		delete(r.written, key)
		delete(r.told, job.UID)
		r.queueOf(deploymentKey(job)).remove(job.UID)
		return
	}
	r.keys[job.UID] = key
	if job.finished() && job.Status.Assignment != nil {
		r.pods.forget(job.Status.Assignment.PodUID, job.UID)
	}
	r.queueOf(deploymentKey(job)).put(job)
}

// Wakes the jobs whose turn it is.
func (r *reconciler) wakeFirst(deployment types.NamespacedName, limit int) {
	r.mutex.Lock()
	first := r.queueOf(deployment).first(max(limit, 1))
	r.mutex.Unlock()
	for _, t := range first {
		r.wake(t.key)
	}
}

func (r *reconciler) runtimeChanged(view *podView, jobs []types.UID, progress bool) {
	r.mutex.Lock()
	var keys []types.NamespacedName
	for _, uid := range jobs {
		if key, ok := r.keys[uid]; ok {
			keys = append(keys, key)
		}
	}
	var deployments []types.NamespacedName
	if !progress {
		for key, q := range r.queues {
			if q.waiting > 0 {
				deployments = append(deployments, key)
			}
		}
	}
	r.mutex.Unlock()
	for _, key := range keys {
		if progress {
			time.AfterFunc(time.Second, func() { r.wake(key) })
		} else {
			r.wake(key)
		}
	}
	for _, key := range deployments {
		_, free := r.pods.free(view.owner)
		r.wakeFirst(key, len(free))
	}
}

// Now and then those whose place has changed are told so.
func (r *reconciler) tellPlaces(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(500 * time.Millisecond):
		}
		var wrong []types.NamespacedName
		r.mutex.Lock()
		for _, q := range r.queues {
			interval := time.Second + time.Duration(q.waiting)*10*time.Millisecond
			if q.waiting == 0 || time.Since(q.toldAt) < interval {
				continue
			}
			q.toldAt = time.Now()
			for _, t := range q.toldWrong() {
				wrong = append(wrong, t.key)
			}
		}
		r.mutex.Unlock()
		for _, key := range wrong {
			r.wake(key)
		}
	}
}

type plan struct {
	status   *VideoJobStatus
	dispatch bool
	requeue  time.Duration
}

func (p *plan) lookAfter(d time.Duration) {
	if p.requeue == 0 || d < p.requeue {
		p.requeue = max(d, time.Millisecond)
	}
}

func (p *plan) condition(kind string, status metav1.ConditionStatus, reason, message string) {
	meta.SetStatusCondition(&p.status.Conditions, metav1.Condition{Type: kind, Status: status, Reason: reason, Message: message,
		ObservedGeneration: p.status.ObservedGeneration, LastTransitionTime: metav1.Now().Rfc3339Copy()})
}

func (p *plan) wait(phase, reason, message string) {
	p.status.Phase = phase
	p.condition("Succeeded", metav1.ConditionUnknown, reason, message)
	p.condition("Ready", metav1.ConditionFalse, reason, message)
	p.condition("Reconciling", metav1.ConditionTrue, reason, message)
	meta.RemoveStatusCondition(&p.status.Conditions, "Stalled")
}

func (p *plan) end(phase string, succeeded metav1.ConditionStatus, reason, message string) {
	now := metav1.Now().Rfc3339Copy()
	p.status.Phase, p.status.CompletionTime, p.status.RetryTime = phase, &now, nil
	p.condition("Succeeded", succeeded, reason, message)
	meta.RemoveStatusCondition(&p.status.Conditions, "Reconciling")
	if phase == "Failed" {
		p.condition("Ready", metav1.ConditionFalse, reason, message)
		p.condition("Stalled", metav1.ConditionTrue, reason, message)
	} else {
		p.condition("Ready", metav1.ConditionTrue, reason, message)
		meta.RemoveStatusCondition(&p.status.Conditions, "Stalled")
	}
	p.requeue = 0
}

func (r *reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	<-r.leads
	job := &VideoJob{}
	if err := r.Get(ctx, request.NamespacedName, job); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if job.Spec.DeploymentRef == nil || job.DeletionTimestamp != nil {
		return ctrl.Result{}, nil
	}
	version, _ := strconv.ParseUint(job.ResourceVersion, 10, 64)
	r.mutex.Lock()
	stale := version < r.written[request.NamespacedName]
	r.mutex.Unlock()
	if stale {
		return ctrl.Result{}, nil // the event that brings the own write wakes it
	}
	p, err := r.plan(ctx, job)
	if err != nil {
		return ctrl.Result{}, err
	}
	if err := r.carryOut(ctx, job, p); err != nil {
		r.mutex.Lock()
		r.queueOf(deploymentKey(job)).withdraw(job)
		r.mutex.Unlock()
		return ctrl.Result{}, err
	}
	return ctrl.Result{RequeueAfter: p.requeue}, nil
}

func (r *reconciler) plan(ctx context.Context, job *VideoJob) (*plan, error) {
	p := &plan{status: job.Status.DeepCopy()}
	p.status.ObservedGeneration = job.Generation
	if job.finished() {
		for i := range p.status.Conditions {
			p.status.Conditions[i].ObservedGeneration = job.Generation
		}
		return p, nil
	}
	if job.Spec.Cancel {
		if a := job.Status.Assignment; a != nil {
			_ = r.pods.send(ctx, "DELETE", a.PodUID, job.UID, a.Attempt, nil)
		}
		p.end("Cancelled", metav1.ConditionFalse, "Cancelled", "cancelled, as spec.cancel asks; there is no video")
		return p, nil
	}
	if job.Spec.Suspend {
		p.wait("Suspended", "Suspended", "suspended, as spec.suspend asks")
		return p, nil
	}
	if r.expire(job, p) {
		return p, nil
	}
	if job.Status.Assignment != nil {
		r.follow(job, p)
		if p.status.Assignment != nil || p.status.CompletionTime != nil {
			return p, nil
		}
	}
	if at := p.status.RetryTime; at != nil {
		if left := time.Until(at.Time); left > 0 {
			p.lookAfter(left)
			return p, nil
		}
		p.status.RetryTime = nil
	}
	return p, r.place(ctx, job, p)
}

func (r *reconciler) expire(job *VideoJob, p *plan) bool {
	begin, allowed, reason := job.CreationTimestamp.Time, job.Spec.QueueDeadlineSeconds, "QueueDeadlineExceeded"
	if job.Status.StartTime != nil {
		begin, allowed, reason = job.Status.StartTime.Time, job.Spec.ActiveDeadlineSeconds, "DeadlineExceeded"
	}
	left := time.Until(begin.Add(time.Duration(allowed) * time.Second))
	if left > 0 {
		p.lookAfter(left)
		return false
	}
	p.end("Failed", metav1.ConditionFalse, reason, fmt.Sprintf("not done within %d s", allowed))
	return true
}

func (r *reconciler) follow(job *VideoJob, p *plan) {
	a := p.status.Assignment
	state, reachable, known := r.pods.state(a.PodUID, job.UID)
	attempt := fmt.Sprintf("attempt %d of %s", a.Attempt, job.Name)
	switch {
	case !known:
		p.status.Assignment, p.status.Progress = nil, nil
		p.wait("Queued", "Retrying", attempt+" ended: pod "+a.PodName+" is gone; trying again at once")
	case state == nil || state.Attempt != a.Attempt:
		p.dispatch = reachable
	case state.Phase == "Running":
		p.wait("Running", "Generating", attempt+" runs on pod "+a.PodName)
		r.takeProgress(job, p, state)
	case state.Phase == "Succeeded" && state.Result != nil:
		p.status.Result, p.status.JobHash, p.status.Progress = state.Result, state.JobHash, copied(state.Progress)
		if p.status.Progress == nil {
			p.status.Progress = &Progress{}
		}
		p.status.Progress.Percent = 100
		p.end("Succeeded", metav1.ConditionTrue, "Completed", "the video is "+artifactPath(job))
	case state.finished():
		r.retry(job, p, state)
	}
}

func (r *reconciler) takeProgress(job *VideoJob, p *plan, state *jobState) {
	known, now := p.status.Progress, state.Progress
	if now == nil {
		return
	}
	if known != nil && known.Phase == now.Phase {
		if math.Abs(known.Percent-now.Percent) < 1 {
			return
		}
		r.mutex.Lock()
		due := r.told[job.UID].Add(time.Second)
		r.mutex.Unlock()
		if left := time.Until(due); left > 0 {
			p.lookAfter(left)
			return
		}
	}
	p.status.Progress = now
}

func (r *reconciler) retry(job *VideoJob, p *plan, state *jobState) {
	what := "the pod gave no reason"
	if state.Error != nil {
		what = state.Error.Reason + ": " + state.Error.Message
		if !state.Error.Retryable {
			p.end("Failed", metav1.ConditionFalse, "GenerationFailed", what)
			return
		}
	}
	p.status.Failures++
	if p.status.Failures > job.Spec.BackoffLimit {
		p.end("Failed", metav1.ConditionFalse, "BackoffLimitExceeded", fmt.Sprintf("%d attempts failed; the last: %s", p.status.Failures, what))
		return
	}
	pause := min(10*time.Second<<(p.status.Failures-1), 300*time.Second)
	at := metav1.NewTime(time.Now().Add(pause)).Rfc3339Copy()
	p.status.RetryTime, p.status.Assignment, p.status.Progress = &at, nil, nil
	p.wait("Queued", "Retrying", "attempt failed: "+what+"; trying again after "+pause.String())
}

func artifactPath(job *VideoJob) string {
	if out := job.Spec.Output; out != nil && out.PVC != nil && out.PVC.Path != "" {
		return out.PVC.Path
	}
	return job.Name + ".mp4"
}

func claimOf(job *VideoJob, deployment *WanDeployment) string {
	if out := job.Spec.Output; out != nil && out.PVC != nil {
		return out.PVC.ClaimName
	}
	if a := deployment.Spec.Artifacts; a != nil && a.PVC != nil {
		return a.PVC.ClaimName
	}
	return ""
}

func (r *reconciler) server(ctx context.Context, job *VideoJob, claim string) (url string, isReady bool) {
	hash := sha256.Sum256([]byte(claim))
	key := types.NamespacedName{Namespace: job.Namespace, Name: "wan-artifacts-" + hex.EncodeToString(hash[:4])}
	service, deployment := &corev1.Service{}, &appsv1.Deployment{}
	if r.Get(ctx, key, service) != nil || r.Get(ctx, key, deployment) != nil || service.Spec.ClusterIP == "" {
		return "", false
	}
	return "http://" + service.Spec.ClusterIP + ":8080", deployment.Status.ReadyReplicas > 0
}

func (r *reconciler) place(ctx context.Context, job *VideoJob, p *plan) error {
	deployment := &WanDeployment{}
	if err := r.Get(ctx, deploymentKey(job), deployment); err != nil {
		if apierrors.IsNotFound(err) {
			p.wait("Pending", "DeploymentNotFound", "WanDeployment "+job.Spec.DeploymentRef.Name+" does not exist in namespace "+job.Namespace)
			return nil
		}
		return err
	}
	claim := claimOf(job, deployment)
	if _, isReady := r.server(ctx, job, claim); !isReady {
		p.wait("Queued", "WaitingForArtifactServer", "the artifact server of claim "+claim+" is not ready")
		p.lookAfter(time.Second)
		return nil
	}
	replicas, free := r.pods.free(string(deployment.UID))
	r.mutex.Lock()
	q := r.queueOf(deploymentKey(job))
	pod := q.podFor(job.UID, free)
	before := rounded(q.before(job.UID))
	if pod != "" {
		q.reserve(job, pod)
	} else {
		q.told[job.UID] = before
	}
	r.mutex.Unlock()
	if pod != "" {
		now := metav1.Now().Rfc3339Copy()
		p.status.Attempts++
		p.status.Assignment = &Assignment{PodName: r.pods.name(pod), PodUID: pod, Attempt: p.status.Attempts, AssignedAt: &now}
		if p.status.StartTime == nil {
			p.status.StartTime = &now
		}
		p.wait("Queued", "Assigned", fmt.Sprintf("attempt %d goes to pod %s", p.status.Attempts, p.status.Assignment.PodName))
		p.dispatch = true
		return nil
	}
	if replicas == 0 {
		p.wait("Queued", "WaitingForDeployment", "WanDeployment "+deployment.Name+" has no ready replica")
		return nil
	}
	where := "it is next in line"
	if before == 1 {
		where = "1 job goes first"
	} else if before > 1 {
		where = strconv.Itoa(before) + " jobs go first"
	}
	p.wait("Queued", "WaitingForReplica", "every ready replica of WanDeployment "+deployment.Name+" is busy; "+where)
	return nil
}

func readyReason(status *VideoJobStatus) (reason, message string) {
	if one := meta.FindStatusCondition(status.Conditions, "Ready"); one != nil {
		return one.Reason, one.Message
	}
	return "", ""
}

func (r *reconciler) carryOut(ctx context.Context, job *VideoJob, p *plan) error {
	key := types.NamespacedName{Namespace: job.Namespace, Name: job.Name}
	if !reflect.DeepEqual(p.status, &job.Status) {
		body, err := json.Marshal(map[string]any{"apiVersion": "wan.gallery/v1alpha1", "kind": "VideoJob",
			"metadata": map[string]any{"name": job.Name, "namespace": job.Namespace, "uid": job.UID, "resourceVersion": job.ResourceVersion},
			"status":   p.status})
		if err != nil {
			return err
		}
		stored := &VideoJob{ObjectMeta: metav1.ObjectMeta{Name: job.Name, Namespace: job.Namespace}}
		if err := r.Status().Patch(ctx, stored, client.RawPatch(types.ApplyPatchType, body), fieldOwner, client.ForceOwnership); err != nil {
			return err
		}
		version, _ := strconv.ParseUint(stored.ResourceVersion, 10, 64)
		r.mutex.Lock()
		r.written[key] = version
		r.told[job.UID] = time.Now()
		r.mutex.Unlock()
		before, _ := readyReason(&job.Status)
		if now, message := readyReason(p.status); now != before && (now == "Assigned" || now == "Completed") {
			r.recorder.Eventf(job, nil, corev1.EventTypeNormal, now, "Reconcile", "%s", message)
		}
	}
	if !p.dispatch {
		return nil
	}
	return r.dispatch(ctx, job, p.status.Assignment)
}

func (r *reconciler) dispatch(ctx context.Context, job *VideoJob, a *Assignment) error {
	deployment := &WanDeployment{}
	if err := r.Get(ctx, deploymentKey(job), deployment); err != nil {
		return err
	}
	claim, path := claimOf(job, deployment), artifactPath(job)
	server, _ := r.server(ctx, job, claim)
	token := r.pods.grant("artifacts/"+job.Namespace+"/"+claim, string(job.UID), "artifact:write", path, a.Attempt,
		time.Duration(job.Spec.ActiveDeadlineSeconds+600)*time.Second)
	return r.pods.send(ctx, "PUT", a.PodUID, job.UID, a.Attempt, map[string]any{
		"metadata": map[string]any{"namespace": job.Namespace, "name": job.Name, "uid": job.UID},
		"podUID":   a.PodUID, "attempt": a.Attempt, "epoch": r.pods.epoch.Load(),
		"spec":                  map[string]any{"prompt": job.Spec.Prompt, "seed": job.Spec.Seed},
		"activeDeadlineSeconds": job.Spec.ActiveDeadlineSeconds,
		"artifact":              map[string]any{"url": server + "/v1/artifacts/" + path, "token": token}})
}
