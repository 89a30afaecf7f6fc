// twin: the VideoJob logic of wan-operator (queue, assignment, dispatch, progress, result) on controller-runtime, for
// ./wan bench operator alone. Not in it: WanDeployment, GalleryModel, artifact servers, jobs with a pod of their own.
package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

type options struct {
	namespace, lease, health, metrics string
	port, workers                     int
}

func flags() options {
	var o options
	flag.StringVar(&o.namespace, "operator-namespace", "wan-system", "namespace of the Lease and the key")
	flag.StringVar(&o.lease, "lease-name", "wan-twin", "name of the Lease")
	flag.StringVar(&o.health, "health-listen", "127.0.0.1:0", "address of /readyz")
	flag.StringVar(&o.metrics, "metrics-listen", "0", "address of /metrics")
	flag.IntVar(&o.port, "runtime-port", 8080, "port of the job API in runtime pods")
	flag.IntVar(&o.workers, "workers", 4, "reconciles at a time")
	flag.Parse()
	return o
}

func ours() cache.ByObject {
	return cache.ByObject{Label: labels.SelectorFromSet(labels.Set{"app.kubernetes.io/managed-by": "wan-operator"})}
}

func newManager(o options) (manager.Manager, error) {
	scheme := clientgoscheme.Scheme
	if err := addToScheme(scheme); err != nil {
		return nil, err
	}
	return ctrl.NewManager(ctrl.GetConfigOrDie(), manager.Options{
		Scheme:                        scheme,
		HealthProbeBindAddress:        o.health,
		Metrics:                       server.Options{BindAddress: o.metrics},
		LeaderElection:                true,
		LeaderElectionID:              o.lease,
		LeaderElectionNamespace:       o.namespace,
		LeaderElectionReleaseOnCancel: true,
		Cache: cache.Options{
			DefaultTransform: cache.TransformStripManagedFields(),
			ByObject: map[client.Object]cache.ByObject{
				&corev1.Pod{}: ours(), &corev1.Service{}: ours(), &appsv1.Deployment{}: ours()},
		},
	})
}

// The capability key as operator/operator_key.cc derives it.
func capabilitySeed(reader client.Reader, namespace string) ([]byte, error) {
	secret := &corev1.Secret{}
	if err := reader.Get(context.Background(), types.NamespacedName{Namespace: namespace, Name: "wan-operator-key"}, secret); err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, secret.Data["seed"])
	mac.Write([]byte("capability"))
	return mac.Sum(nil), nil
}

type workQueue = workqueue.TypedRateLimitingInterface[reconcile.Request]

func keyOf(object client.Object) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: object.GetNamespace(), Name: object.GetName()}}
}

func (r *reconciler) jobHandler() handler.Funcs {
	told := func(object client.Object, gone bool, q workQueue) {
		r.jobChanged(object.(*VideoJob), gone)
		if !gone {
			q.Add(keyOf(object))
		}
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q workQueue) { told(e.Object, false, q) },
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q workQueue) { told(e.ObjectNew, false, q) },
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q workQueue) { told(e.Object, true, q) },
	}
}

func (r *reconciler) podHandler() handler.Funcs {
	told := func(object client.Object, gone bool) { r.pods.podChanged(object.(*corev1.Pod), gone) }
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, _ workQueue) { told(e.Object, false) },
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, _ workQueue) { told(e.ObjectNew, false) },
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, _ workQueue) { told(e.Object, true) },
	}
}

// The Lease's version once this process leads: what the pods know the leader by.
func (r *reconciler) lead(ctx context.Context, reader client.Reader, o options) error {
	lease := &coordinationv1.Lease{}
	if err := reader.Get(ctx, types.NamespacedName{Namespace: o.namespace, Name: o.lease}, lease); err != nil {
		return err
	}
	r.pods.epoch.Store(lease.ResourceVersion)
	close(r.leads)
	fmt.Fprintln(os.Stderr, "leads, epoch", lease.ResourceVersion)
	return r.tellPlaces(ctx)
}

func run(o options) error {
	mgr, err := newManager(o)
	if err != nil {
		return err
	}
	seed, err := capabilitySeed(mgr.GetAPIReader(), o.namespace)
	if err != nil {
		return err
	}
	ctx := ctrl.SetupSignalHandler()
	changes := make(chan event.GenericEvent, 1024)
	r := &reconciler{Client: mgr.GetClient(), pods: newRuntimes(o.port, seed), recorder: mgr.GetEventRecorder("wan-twin"),
		queues: map[types.NamespacedName]*queue{}, keys: map[types.UID]types.NamespacedName{},
		written: map[types.NamespacedName]uint64{}, told: map[types.UID]time.Time{}, leads: make(chan struct{})}
	r.wake = func(key types.NamespacedName) {
		changes <- event.GenericEvent{Object: &VideoJob{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}}
	}
	r.pods.context = ctx
	r.pods.changed = r.runtimeChanged
	err = ctrl.NewControllerManagedBy(mgr).Named("videojob").
		Watches(&VideoJob{}, r.jobHandler()).
		Watches(&corev1.Pod{}, r.podHandler()).
		WatchesRawSource(source.Channel(changes, &handler.EnqueueRequestForObject{})).
		WithOptions(controller.Options{MaxConcurrentReconciles: o.workers}).
		Complete(r)
	if err != nil {
		return err
	}
	for _, object := range []client.Object{&VideoJob{}, &corev1.Pod{}, &WanDeployment{}, &corev1.Service{}, &appsv1.Deployment{}} {
		if _, err := mgr.GetCache().GetInformer(ctx, object, cache.BlockUntilSynced(false)); err != nil {
			return err
		}
	}
	leader := manager.RunnableFunc(func(ctx context.Context) error { return r.lead(ctx, mgr.GetAPIReader(), o) })
	if err := mgr.Add(leader); err != nil {
		return err
	}
	if err := mgr.AddReadyzCheck("caches", cachesSynced(ctx, mgr)); err != nil {
		return err
	}
	return mgr.Start(ctx)
}

func cachesSynced(ctx context.Context, mgr manager.Manager) healthz.Checker {
	var synced atomic.Bool
	go func() { synced.Store(mgr.GetCache().WaitForCacheSync(ctx)) }()
	return func(*http.Request) error {
		if synced.Load() {
			return nil
		}
		return errors.New("the first lists of the caches")
	}
}

func main() {
	o := flags()
	ctrl.SetLogger(zap.New())
	klog.SetLogger(ctrl.Log)
	if err := run(o); err != nil && !strings.Contains(err.Error(), "context canceled") {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
