#!/usr/bin/env bash
# quickstart.sh [--no-cluster] [--context NAME --registry R] [--namespace NS] : from nothing to a video. Every step looks
# first whether its result is there, so a second run takes seconds.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
tools=$WAN_ROOT/tests/tools samples=$WAN_ROOT/manifests/samples
bin=$WAN_ROOT/build/release/bin images=$WAN_CACHE/images out=$WAN_ROOT/out
cluster=$WAN_ROOT/tests/cluster/cluster.sh
job=red-ball

usage() {
  cat <<'TEXT'
usage: ./wan quickstart [--no-cluster] [--context NAME --registry R] [--namespace NS]
  --no-cluster      the video only, by wan-runtime generate: no Kubernetes, no root at run time
  --context NAME    a cluster of your kubeconfig instead of a local one; needs --registry
  --registry R      where the two images are pushed (R/operator, R/runtime) and the cluster can pull from
  --namespace NS    where the deployment and the job go (default: default)
TEXT
}

local_cluster=1 context='' registry='' namespace=default generate_only=''
while [ $# -gt 0 ]; do
  case $1 in
    --no-cluster) generate_only=1 local_cluster='' ;;
    --context) context=${2:?--context needs a name}; local_cluster=''; shift ;;
    --registry) registry=${2:?--registry needs a registry}; shift ;;
    --namespace) namespace=${2:?--namespace needs a name}; shift ;;
    -h|--help) usage; exit 0 ;;
    *) usage >&2; die "./wan quickstart: unknown option \"$1\"" ;;
  esac
  shift
done
[ -z "$context" ] || [ -n "$registry" ] || die "--context needs --registry R, a registry that the cluster can pull from"
[ -z "$registry" ] || [ -n "$context" ] || die "--registry goes with --context NAME"

# ---- one way to call kubectl and helm, whichever cluster it is ----

kubectl() {
  if [ -n "$local_cluster" ]; then "$cluster" kubectl "$@"; else command kubectl --context "$context" "$@"; fi
}
helm() {
  if [ -n "$local_cluster" ]; then "$cluster" helm "$@"; else command helm --kube-context "$context" "$@"; fi
}

# One line that is written over on a terminal; elsewhere, one line for each change.
last_line=''
live() {
  [ "$1" != "$last_line" ] || return 0
  last_line=$1
  if [ -t 1 ]; then printf '\r\e[K      %s' "$1"; else printf '      %s\n' "$1"; fi
}
live_end() { last_line=''; [ ! -t 1 ] || printf '\n'; }

bar() { # PERCENT: [######........]
  local n=$(($1 / 5)) i s=''
  for ((i = 0; i < 20; i++)); do if [ $i -lt $n ]; then s+='#'; else s+='.'; fi; done
  printf '[%s] %3d %%' "$s" "$1"
}

explain_failure() { # KIND NAME
  live_end
  kubectl -n "$namespace" describe "$1" "$2" >&2 || true
  kubectl -n "$namespace" get pods >&2 || true
  kubectl -n wan-system logs deployment/wan-gallery --tail=20 >&2 || true
  die "$1 $2 did not get there; the above says how far it came"
}

# ---- the steps ----

set_up() {
  if [ -n "$generate_only" ] || { [ -n "$context" ] && type -P kubectl >/dev/null && type -P helm >/dev/null; }; then
    "$tools/setup.sh" --no-cluster
  else
    "$tools/setup.sh" --no-tests
  fi
}

can_run_here() {
  local reason
  [ -n "$local_cluster" ] || return 0
  if [ "$(id -u)" = 0 ]; then reason=$("$WAN_ROOT/tests/cluster/check.sh") || {
    say "this machine cannot run the local cluster: $reason" >&2
    say "./wan quickstart --no-cluster works without one; --context NAME --registry R uses a cluster you have" >&2
    return 1
  }; fi
}

build() {
  if [ -n "$generate_only" ]; then "$tools/build.sh" release wan-runtime wan-media; else
    "$tools/build.sh" release wan-operator wan-runtime wan-media wan-gallery; fi
}

make_images() {
  "$tools/images.sh" build "$images" --bin "$bin" || return
  [ -z "$registry" ] || "$tools/images.sh" push "$images" "$registry"
}

start_cluster() { "$cluster" up; }

install() {
  local file=$images/images.env
  [ -z "$registry" ] || file=$images/pushed.env
  local OPERATOR_IMAGE RUNTIME_IMAGE
  . "$file"
  helm upgrade --install wan-gallery "$WAN_ROOT/charts/wan-gallery" --namespace wan-system --create-namespace \
    --set "image.operator.repository=${OPERATOR_IMAGE%:*},image.operator.tag=${OPERATOR_IMAGE##*:}" \
    --set "image.runtime.repository=${RUNTIME_IMAGE%:*},image.runtime.tag=${RUNTIME_IMAGE##*:}" \
    --wait --timeout 300s >/dev/null || return
  kubectl get gallerymodels
}

make_storage() {
  if [ -n "$local_cluster" ]; then
    sed "s,/var/lib/wan/videos,$("$cluster" videos),; s,namespace: default,namespace: $namespace," "$samples/storage.yaml" |
      kubectl -n "$namespace" apply -f - >/dev/null
  elif ! kubectl -n "$namespace" get pvc videos >/dev/null 2>&1; then
    kubectl -n "$namespace" apply -f - >/dev/null <<'YAML'
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: videos}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
YAML
  fi
}

serve() {
  local phase message end=$((SECONDS + 600))
  kubectl create namespace "$namespace" >/dev/null 2>&1 || true
  make_storage || return
  say "      kubectl apply -f manifests/samples/wandeployment.yaml"
  kubectl -n "$namespace" apply -f "$samples/wandeployment.yaml" >/dev/null || return
  while [ $SECONDS -lt $end ]; do
    IFS='|' read -r phase message < <(kubectl -n "$namespace" get wandeployment wan-tiny -o \
      jsonpath='{.status.phase}|{.status.conditions[?(@.type=="Ready")].message}{"\n"}') || true
    live "wan-tiny: ${phase:-accepted} ${message:+- $message}"
    case $phase in
      Running) live_end; return ;;
      Failed) break ;;
    esac
    sleep 0.3
  done
  explain_failure wandeployment wan-tiny
}

make_video() {
  local phase part step steps percent left end=$((SECONDS + 600))
  # The same manifest again would find its finished job; a newcomer wants to see one being made.
  kubectl -n "$namespace" delete videojob $job --ignore-not-found >/dev/null || return
  say "      kubectl apply -f manifests/samples/videojob.yaml   (\"$(sed -n 's/^  prompt: //p' "$samples/videojob.yaml")\")"
  kubectl -n "$namespace" apply -f "$samples/videojob.yaml" >/dev/null || return
  while [ $SECONDS -lt $end ]; do
    IFS='|' read -r phase part step steps percent left < <(kubectl -n "$namespace" get videojob $job -o \
      jsonpath='{.status.phase}|{.status.progress.phase}|{.status.progress.step}|{.status.progress.steps}|{.status.progress.percent}|{.status.progress.secondsLeft}{"\n"}') || true
    percent=${percent%.*}
    case $phase in
      Succeeded) live "$job: $(bar 100) Succeeded"; live_end; return ;;
      Failed|Cancelled) break ;;
      Running) live "$job: $(bar "${percent:-0}") ${part:-Running}${step:+, step $step of $steps}${left:+, ${left%.*} s left}" ;;
      *) live "$job: ${phase:-accepted}" ;;
    esac
    sleep 0.3
  done
  explain_failure videojob $job
}

copy_out() {
  local server sha
  server=$(kubectl -n "$namespace" get deployments -l wan.gallery/artifacts -o name | head -n1)
  sha=$(kubectl -n "$namespace" get videojob $job -o 'jsonpath={.status.result.sha256}')
  mkdir -p "$out"
  kubectl -n "$namespace" exec "$server" -- wan-gallery artifacts get --root /artifacts $job.mp4 >"$out/.$job.mp4" || return
  if [ "sha256:$(sha256sum <"$out/.$job.mp4" | cut -d' ' -f1)" != "$sha" ]; then
    say "the copied file is not the one of the job's status ($sha)" >&2
    return 1
  fi
  mv "$out/.$job.mp4" "$out/$job.mp4"
}

generate() {
  mkdir -p "$out"
  "$bin/wan-runtime" generate -f "$samples/videojob.yaml" -o "$out/$job.mp4"
}

say_what_is_next() {
  local k="kubectl --context $context"
  [ -z "$local_cluster" ] || k="$("$cluster" path)/kubectl"
  [ "$namespace" = default ] || k="$k -n $namespace"
  say ""
  say "${bold}The video: $out/$job.mp4${plain}"
  if [ -n "$generate_only" ]; then
    say "another one:     build/release/bin/wan-runtime generate --prompt \"a green square moves up on a white background\" -o out/2.mp4"
    return
  fi
  say "look around:     $k get gallerymodels,wandeployments,videojobs,pods"
  say "another one:     $k apply -f manifests/samples/videojob-oneshot.yaml"
  if [ -n "$local_cluster" ]; then say "tear down:       ./wan cluster down"; else
    say "tear down:       $k delete videojob $job; $k delete wandeployment wan-tiny; helm --kube-context $context -n wan-system uninstall wan-gallery"; fi
}

# ---- what will happen, then it happens ----

if [ -n "$generate_only" ]; then
  say "wan-gallery: a video from a manifest, without a cluster (--no-cluster)"
else
  say "wan-gallery: from a manifest to a video on Kubernetes (./wan quickstart --no-cluster makes the video alone, in less time)"
fi
say "On a fresh machine it installs Debian or Ubuntu packages with apt and downloads the torch wheel${generate_only:+ (1 GB in all)}$(
  [ -n "$generate_only" ] || printf ' and the sources of Kubernetes\n(2 GB in all), keeps caches in %s, and takes about 30 minutes on 2 cores; what is there already is not done again.' "$WAN_CACHE")"

set_up_seconds=5 built=5
[ -d "$(libtorch_dir)" ] || set_up_seconds=$((set_up_seconds + 240))
[ -n "$generate_only" ] || [ -x "$KUBE_BIN/allinone" ] || set_up_seconds=$((set_up_seconds + 780))
[ -x "$bin/wan-runtime" ] || built=600
plan "set-up" $set_up_seconds
[ -n "$generate_only" ] || plan "check this machine" 1
plan "build" $built
if [ -n "$generate_only" ]; then
  plan "generate" 5
else
  plan "images" 20
  [ -z "$local_cluster" ] || plan "local cluster" 25
  plan "install with Helm" 10
  plan "serve wan-tiny" 15
  plan "make a video" 5
  plan "copy it out" 1
fi

step "set-up" set_up
[ -n "$generate_only" ] || step "check this machine" can_run_here
step "build" build
if [ -n "$generate_only" ]; then
  step "generate" generate
else
  step "images" make_images
  [ -z "$local_cluster" ] || step "local cluster" start_cluster
  step "install with Helm" install
  step "serve wan-tiny" serve
  step "make a video" make_video
  step "copy it out" copy_out
fi
say_what_is_next
