#!/usr/bin/env bash
# The local cluster behind ./wan cluster and ./wan quickstart: one real node, state under $WAN_CLUSTER
# (default ${XDG_STATE_HOME:-~/.local/state}/wan/cluster), videos beside it.
#   cluster.sh up              starts it (again: seconds), with the images of build/release loaded if they are built
#   cluster.sh down [--keep]   stops it and forgets its objects; --keep: the next up finds them again
#   cluster.sh status          is it running, and what runs in it
#   cluster.sh kubectl ARG...  kubectl on it;   cluster.sh helm ARG...  helm on it
#   cluster.sh path | videos   its state directory; the directory of its videos
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../tools/common.sh"
state=${XDG_STATE_HOME:-$HOME/.local/state}/wan
D=${WAN_CLUSTER:-$state/cluster}
images=${WAN_IMAGES:-$WAN_CACHE/images}

usage() { sed -n '4,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2; }

case ${1:-} in
  path) echo "$D"; exit ;;
  videos) echo "$D-videos"; exit ;;
  '') usage ;;
esac
# The node needs root; the caches and the state stay the caller's.
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || die "the local cluster needs root: run it as root, or install sudo"
  exec sudo env HOME="$HOME" PATH="$PATH" WAN_CACHE="$WAN_CACHE" WAN_CLUSTER="$D" WAN_IMAGES="$images" \
    KUBE_BIN="$KUBE_BIN" KUBE_IMAGES="$KUBE_IMAGES" "${BASH_SOURCE[0]}" "$@"
fi

running() { [ -e "$D/kubectl" ] && "$D/kubectl" --request-timeout 5s get --raw /readyz >/dev/null 2>&1; }

up() {
  local reason
  if running; then
    say "the local cluster is running ($D)"
  else
    reason=$("$here/check.sh") || die "this machine cannot run the local cluster: $reason"
    "$here/images/build.sh" "$KUBE_IMAGES"
    # A namespace, mounts or containers of an earlier run that ended without ./wan cluster down.
    [ ! -e "$D/pids" ] || "$here/down.sh" "$D"
    "$here/up.sh" "$D" --all --node --proxy
  fi
  # Written to by the artifact server's user, through the PersistentVolume of manifests/samples/storage.yaml.
  install -d -m 0755 -o 65532 -g 65532 "$D-videos"
  [ ! -s "$images/images.env" ] || "$here/../tools/images.sh" load "$images" "$D"
}

down() {
  [ -e "$D" ] || { say "there is no local cluster"; return; }
  if [ "${1:-}" = --keep ]; then "$here/down.sh" "$D"; else "$here/down.sh" "$D" --wipe; fi
  say "the local cluster is down; its videos stay in $D-videos"
}

status() {
  if ! running; then say "the local cluster is not running; ./wan cluster up starts it"; return 1; fi
  say "the local cluster is running: $D/kubectl get pods -A"
  "$D/kubectl" get pods -A
}

command=$1
shift
case $command in
  up) up ;;
  down) down "$@" ;;
  status) status ;;
  kubectl) exec "$D/kubectl" "$@" ;;
  helm) KUBECONFIG="$D/admin.kubeconfig" exec "$D/in" "$KUBE_BIN/helm" "$@" ;;
  *) usage ;;
esac
