#!/usr/bin/env bash
# check.sh : can this machine run a real node (up.sh --node)? Silent and 0 if so; else says what is missing, and 1.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../tools/common.sh"

no() { echo "$*"; exit 1; }

[ "$(id -u)" = 0 ] || no "it needs root (network namespaces, mounts, cgroups)"
for program in containerd ctr runc nft conntrack ip nsenter curl openssl; do
  command -v $program >/dev/null || no "the program $program is missing: run ./wan setup"
done
[ -x /usr/lib/cni/bridge ] || no "the CNI plugins are missing: run ./wan setup"
for program in kubelet kube-apiserver kube-proxy etcd; do
  [ -x "$KUBE_BIN/$program" ] || no "$KUBE_BIN/$program is missing: run ./wan setup"
done

ns=wan-check-$$
ip netns add $ns 2>/dev/null || no "network namespaces cannot be made (ip netns add)"
trap 'ip netns del $ns' EXIT
nsenter --net=/run/netns/$ns ip link add br0 type bridge 2>/dev/null || no "the kernel has no network bridges"
nsenter --net=/run/netns/$ns ip link add v0 type veth peer name v1 2>/dev/null || no "the kernel has no veth pairs"
nsenter --net=/run/netns/$ns nft add table ip t 2>/dev/null || no "the kernel has no nftables"

grep -qw overlay /proc/filesystems || modprobe overlay 2>/dev/null || no "the kernel has no overlay file system"
work=$(mktemp -d)
trap 'umount "$work/m" 2>/dev/null; rm -rf "$work"; ip netns del $ns' EXIT
mkdir "$work"/{l,u,w,m}
mount -t overlay -o "lowerdir=$work/l,upperdir=$work/u,workdir=$work/w" overlay "$work/m" 2>/dev/null ||
  no "overlay file systems cannot be mounted in $work"

if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
  for c in cpu memory pids; do
    grep -qw $c /sys/fs/cgroup/cgroup.controllers || no "the cgroup controller $c is not available"
  done
  # In a container whose cgroup namespace has a leaf for its root, no child can get controllers.
  echo "+cpu +memory +pids" 2>/dev/null >/sys/fs/cgroup/cgroup.subtree_control ||
    no "cgroup controllers cannot be given to child cgroups here (/sys/fs/cgroup/cgroup.subtree_control)"
else
  for c in cpu memory pids; do [ -w /sys/fs/cgroup/$c ] || no "the cgroup controller $c is not writable"; done
fi
exit 0
