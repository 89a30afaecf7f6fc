package main

// The pods' HTTP API: one progress stream a pod, and the hand-over of jobs. Grants are compact JWS (EdDSA), as
// base/crypto/capability.h has them.

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

type jobError struct {
	Reason    string `json:"reason"`
	Message   string `json:"message"`
	Retryable bool   `json:"retryable"`
}

type jobState struct {
	UID      types.UID    `json:"uid"`
	Attempt  int          `json:"attempt"`
	Phase    string       `json:"phase"`
	Progress *Progress    `json:"progress"`
	JobHash  string       `json:"jobHash"`
	Result   *VideoResult `json:"result"`
	Error    *jobError    `json:"error"`
}

func (s *jobState) finished() bool {
	return s.Phase == "Succeeded" || s.Phase == "Failed" || s.Phase == "Cancelled"
}

type podView struct {
	uid, name, ip, owner string
	reachable            bool
	phase                string
	jobs                 map[types.UID]*jobState
	stop                 context.CancelFunc
}

type runtimes struct {
	mutex   sync.Mutex
	views   map[string]*podView // by pod UID
	order   []string
	port    int
	seed    ed25519.PrivateKey
	epoch   atomic.Value // string
	client  *http.Client
	context context.Context
	changed func(view *podView, jobs []types.UID, progress bool)
}

func newRuntimes(port int, seed []byte) *runtimes {
	transport := &http.Transport{MaxIdleConnsPerHost: 4, DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext}
	r := &runtimes{views: map[string]*podView{}, port: port, seed: ed25519.NewKeyFromSeed(seed), client: &http.Client{Transport: transport}}
	r.epoch.Store("0")
	return r
}

func (r *runtimes) grant(audience, subject, scope, path string, attempt int, valid time.Duration) string {
	claims, _ := json.Marshal(map[string]any{"aud": audience, "sub": subject, "scope": scope, "path": path, "attempt": attempt,
		"epoch": r.epoch.Load(), "exp": time.Now().Add(valid).Unix()})
	encode := base64.RawURLEncoding.EncodeToString
	input := encode([]byte(`{"alg":"EdDSA"}`)) + "." + encode(claims)
	return input + "." + encode(ed25519.Sign(r.seed, []byte(input)))
}

func running(pod *corev1.Pod) bool {
	if pod.Labels["wan.gallery/deployment"] == "" || pod.Status.PodIP == "" {
		return false
	}
	for _, one := range pod.Status.ContainerStatuses {
		if one.Name == "runtime" {
			return one.State.Running != nil
		}
	}
	return false
}

func ready(pod *corev1.Pod) bool {
	for _, one := range pod.Status.Conditions {
		if one.Type == corev1.PodReady {
			return one.Status == corev1.ConditionTrue
		}
	}
	return false
}

func (r *runtimes) podChanged(pod *corev1.Pod, gone bool) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	uid := string(pod.UID)
	view, known := r.views[uid]
	if gone || !running(pod) {
		if known {
			view.stop()
			delete(r.views, uid)
			for i, one := range r.order {
				if one == uid {
					r.order = append(r.order[:i], r.order[i+1:]...)
					break
				}
			}
		}
		return
	}
	if known {
		return
	}
	ctx, stop := context.WithCancel(r.context)
	view = &podView{uid: uid, name: pod.Name, ip: pod.Status.PodIP, owner: pod.Labels["wan.gallery/owner-uid"], jobs: map[types.UID]*jobState{}, stop: stop}
	r.views[uid] = view
	r.order = append(r.order, uid)
	go r.follow(ctx, view)
}

func (r *runtimes) url(view *podView, path string) string {
	return "http://" + net.JoinHostPort(view.ip, strconv.Itoa(r.port)) + path
}

func (r *runtimes) follow(ctx context.Context, view *podView) {
	for ctx.Err() == nil {
		_ = r.stream(ctx, view)
		r.mutex.Lock()
		view.reachable = false
		r.mutex.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func (r *runtimes) get(ctx context.Context, view *podView, path string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url(view, path), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+r.grant(view.uid, "", "pod", "", 0, 5*time.Minute))
	response, err := r.client.Do(request)
	if err == nil && response.StatusCode != http.StatusOK {
		response.Body.Close()
		err = fmt.Errorf("GET %s: %s", path, response.Status)
	}
	return response, err
}

func (r *runtimes) stream(ctx context.Context, view *podView) error {
	response, err := r.get(ctx, view, "/v1/events")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(make([]byte, 64<<10), 1<<20)
	first := true
	for lines.Scan() {
		if first {
			if err := r.load(ctx, view); err != nil {
				return err
			}
		}
		var event struct {
			Type   string    `json:"type"`
			Job    *jobState `json:"job"`
			Status *struct {
				Phase string `json:"phase"`
			} `json:"status"`
		}
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			return err
		}
		var jobs []types.UID
		progress := true
		r.mutex.Lock()
		if event.Job != nil && event.Type == "JOB" {
			known := view.jobs[event.Job.UID]
			progress = known != nil && known.Phase == event.Job.Phase && known.Attempt == event.Job.Attempt
			view.jobs[event.Job.UID] = event.Job
			jobs = append(jobs, event.Job.UID)
		}
		if event.Status != nil {
			view.phase, progress = event.Status.Phase, false
		}
		if first {
			view.reachable, progress = true, false
			for uid := range view.jobs {
				jobs = append(jobs, uid)
			}
		}
		r.mutex.Unlock()
		if first || event.Type != "HEARTBEAT" {
			r.changed(view, jobs, progress)
		}
		first = false
	}
	return lines.Err()
}

func (r *runtimes) load(ctx context.Context, view *podView) error {
	response, err := r.get(ctx, view, "/v1/jobs")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var list struct {
		Items []*jobState `json:"items"`
	}
	if err := json.NewDecoder(response.Body).Decode(&list); err != nil {
		return err
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	view.jobs = map[types.UID]*jobState{}
	for _, one := range list.Items {
		view.jobs[one.UID] = one
	}
	return nil
}

// Of the pods of that owner: how many can make videos, and the UIDs of those that work on nothing.
func (r *runtimes) free(owner string) (replicas int, uids []string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, uid := range r.order {
		view := r.views[uid]
		if view.owner != owner || !view.reachable || view.phase != "Ready" {
			continue
		}
		replicas++
		busy := false
		for _, job := range view.jobs {
			busy = busy || !job.finished()
		}
		if !busy {
			uids = append(uids, uid)
		}
	}
	return replicas, uids
}

func (r *runtimes) name(pod string) string {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if view, ok := r.views[pod]; ok {
		return view.name
	}
	return ""
}

// What the pod says of the job, and whether it can be asked at all.
func (r *runtimes) state(pod string, job types.UID) (state *jobState, reachable, known bool) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	view, ok := r.views[pod]
	if !ok {
		return nil, false, false
	}
	return view.jobs[job], view.reachable && view.phase == "Ready", true
}

func (r *runtimes) forget(pod string, job types.UID) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if view, ok := r.views[pod]; ok && view.jobs[job] != nil && view.jobs[job].finished() {
		delete(view.jobs, job)
	}
}

func (r *runtimes) send(ctx context.Context, method, pod string, job types.UID, attempt int, body any) error {
	r.mutex.Lock()
	view, ok := r.views[pod]
	r.mutex.Unlock()
	if !ok {
		return fmt.Errorf("pod %s cannot be talked to", pod)
	}
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	ctx, done := context.WithTimeout(ctx, 10*time.Second)
	defer done()
	request, err := http.NewRequestWithContext(ctx, method, r.url(view, "/v1/jobs/"+string(job)), bytes.NewReader(text))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+r.grant(pod, string(job), "job", "", attempt, 5*time.Minute))
	response, err := r.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, _ := io.ReadAll(response.Body)
	if response.StatusCode >= 300 {
		return fmt.Errorf("%s: %s: %s", method, response.Status, answer)
	}
	var state jobState
	if json.Unmarshal(answer, &state) == nil && state.UID == job {
		r.mutex.Lock()
		if known := view.jobs[job]; known == nil || known.Attempt < state.Attempt {
			view.jobs[job] = &state
		}
		r.mutex.Unlock()
	}
	return nil
}
