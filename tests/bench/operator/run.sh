#!/usr/bin/env bash
# run.sh BIN_DIR [OPTIONS of wan-operator-bench] : a control plane of its own (etcd, API server with an audit log,
# controllers, scheduler, kwok as the kubelet of one node), the Go twin, and wan-operator-bench on them.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../../tools/common.sh"
bin=$1
shift
programs=$WAN_CACHE/bench/operator
mkdir -p "$programs"

# go_build DIR BINARY PACKAGE: skipped while module files, sources and Go are those of the last time.
go_build() {
  local stamp started=$SECONDS
  stamp=$( ("$(go_program)" version; find "$here/$1" -name '*.go' -o -name 'go.*' | sort | xargs cat) | sha256sum)
  if [ -x "$programs/$2" ] && [ "$(cat "$programs/.$2.stamp" 2>/dev/null)" = "$stamp" ]; then return; fi
  say "building $2 from the Go module proxy"
  (cd "$here/$1" && CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS="-buildvcs=false -mod=readonly" nice -n 5 \
    "$(go_program)" build -trimpath -gcflags all=-dwarf=false -ldflags "-s -w" -o "$programs/$2" "$3")
  echo "$stamp" >"$programs/.$2.stamp"
  say "  $((SECONDS - started)) s"
}
go_build twin twin .
go_build kwok kwok sigs.k8s.io/kwok/cmd/kwok

D=$(mktemp -d /tmp/wan-bench-XXXXXX)
kwok=''
finish() {
  [ -z "$kwok" ] || kill "$kwok" 2>/dev/null || true
  if [ -n "${KEEP_LOGS:-}" ]; then cp -r "$D/log" "$KEEP_LOGS"; fi
  "$here/../../cluster/down.sh" "$D" --wipe >/dev/null 2>&1 || true
  rm -rf "$D"
}
trap finish EXIT

mkdir -p "$D/conf" "$D/log"
cat >"$D/conf/audit.yaml" <<'Y'
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Request
  users: ["system:serviceaccount:wan-system:wan-gallery"]
  verbs: [create, patch, update, delete]
  resources: [{group: wan.gallery}, {group: events.k8s.io}, {group: batch}, {group: apps}, {group: ""}]
- level: None
Y
APISERVER_ARGS="--audit-policy-file $D/conf/audit.yaml --audit-log-path $D/log/audit.log" KCM_ARGS="--controllers=-endpoints-controller,-endpointslice-controller" \
  "$here/../../cluster/up.sh" "$D" --all >"$D/log/up.log" || { cat "$D/log/up.log" >&2; exit 1; }
. "$D/env"
"$programs/kwok" --kubeconfig "$KUBECONFIG" --manage-nodes-with-annotation-selector kwok.x-k8s.io/node=fake \
  --cidr 127.9.0.1/16 --node-ip 127.0.0.1 --node-lease-duration-seconds 40 --config "$here/kwok/kwok.yaml" >"$D/log/kwok.log" 2>&1 &
kwok=$!

K=("$D/kubectl")
"$bin/wan-operator" crds | "${K[@]}" apply -f - >/dev/null
"${K[@]}" wait --for=condition=Established crd/videojobs.wan.gallery crd/wandeployments.wan.gallery crd/gallerymodels.wan.gallery >/dev/null
"${K[@]}" apply -f "$WAN_ROOT/manifests/namespace.yaml" -f "$WAN_ROOT/manifests/rbac.yaml" >/dev/null
cat >"$D/account.kubeconfig" <<Y
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "$KUBE_URL", certificate-authority: "$KUBE_CA"}}]
users: [{name: u, user: {token: "$("${K[@]}" create token wan-gallery -n wan-system --duration 24h)"}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
Y
"$bin/wan-operator-bench" --operator "$bin/wan-operator" --twin "$programs/twin" --account "$D/account.kubeconfig" \
  --audit-log "$D/log/audit.log" --logs "$D/log" "$@"
