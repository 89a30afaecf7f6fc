# Sourced by up.sh: a network namespace with one real node in it (containerd, kubelet, kube-proxy). Nothing that a pod
# or a Service address sends can leave the machine. Wants D, P, BIN, IMG, NODE_IP, POD_NET and up.sh's functions.

# Entered with nsenter --net, not `ip netns exec`: the latter also unshares the mount namespace, and then kubelet's
# volume mounts are invisible to containerd.
make_network_namespace() {
  NS=wan-$(echo -n "$D" | sha256sum | cut -c1-8)
  echo "$NS" >"$D/netns"
  ip netns add "$NS"
  enter=(nsenter --net="/run/netns/$NS")
  "${enter[@]}" ip link set lo up
  "${enter[@]}" ip link add node0 type bridge # not every kernel has dummy interfaces; a bridge without ports serves
  "${enter[@]}" ip addr add "$NODE_IP/24" dev node0
  "${enter[@]}" ip link set node0 up
  "${enter[@]}" ip route add default dev node0 # unrouted packets die in the bridge
  "${enter[@]}" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward
    [ ! -e /proc/sys/net/bridge/bridge-nf-call-iptables ] || echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables'
}

# The pods' cgroups lie below one of this cluster's own: two clusters on a machine would clean up each other's otherwise.
make_cgroup() {
  local c
  CGROUP=/$NS
  for c in /sys/fs/cgroup/*/; do
    # Version 1: one tree a controller. Folders of a version 2 tree have cgroup.controllers.
    [ -e "$c/cgroup.procs" ] && [ ! -e "$c/cgroup.controllers" ] || continue
    mkdir -p "$c$NS"
    [ ! -e "$c/cpuset.cpus" ] || { cat "$c/cpuset.cpus" >"$c$NS/cpuset.cpus" && cat "$c/cpuset.mems" >"$c$NS/cpuset.mems"; }
  done
  [ ! -e /sys/fs/cgroup/cgroup.controllers ] || mkdir -p "/sys/fs/cgroup/$NS"
}

containerd_config() {
  cat <<T
version = 2
root = "$C/root"
state = "$C/state"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs","io.containerd.snapshotter.v1.aufs","io.containerd.snapshotter.v1.zfs","io.containerd.snapshotter.v1.devmapper","io.containerd.internal.v1.opt","io.containerd.internal.v1.tracing"]
[grpc]
  address = "$C/s"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "kube.test/pause:1"
  stream_server_address = "127.0.0.1"
  disable_apparmor = true
  netns_mounts_under_state_dir = true   # so that down.sh finds and unmounts them
  restrict_oom_score_adj = true   # without CAP_SYS_RESOURCE runc cannot lower oom_score_adj and dies ("final child's PID from pipe: EOF")
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$C/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
T
}

cni_config() {
  cat <<T
{"cniVersion":"1.0.0","name":"kube","plugins":[
 {"type":"bridge","bridge":"cni0","isGateway":true,"hairpinMode":true,"ipMasq":false,
  "ipam":{"type":"host-local","dataDir":"$C/ipam","ranges":[[{"subnet":"$POD_NET"}]],"routes":[{"dst":"0.0.0.0/0"}]}},
 {"type":"portmap","capabilities":{"portMappings":true}}]}
T
}

kubelet_config() {
  cat <<T
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $NODE_IP
healthzPort: 10248
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $P/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $P/node-server.crt
tlsPrivateKeyFile: $P/node-server.key
containerRuntimeEndpoint: unix://$C/s
cgroupDriver: cgroupfs
cgroupRoot: $CGROUP
failCgroupV1: false
failSwapOn: false
clusterDNS: [10.96.0.10]
clusterDomain: cluster.local
resolvConf: $D/conf/resolv.conf
podLogsDir: $D/podlogs
volumePluginDir: $D/k/volplugins
enforceNodeAllocatable: [pods]
makeIPTablesUtilChains: false
evictionHard: {memory.available: 50Mi, nodefs.available: "1%", imagefs.available: "1%", nodefs.inodesFree: "1%"}
imageGCHighThresholdPercent: 100
nodeStatusUpdateFrequency: 2s
nodeStatusReportFrequency: 10s
syncFrequency: 10s
T
}

kube_proxy_config() {
  cat <<T
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: ${KUBE_PROXY_MODE:-nftables}
clientConnection: {kubeconfig: $D/kube-proxy.kubeconfig}
clusterCIDR: 10.244.0.0/16
hostnameOverride: node1
bindAddress: $NODE_IP
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
nodePortAddresses: [primary]
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
nftables: {minSyncPeriod: 100ms, syncPeriod: 10s}
T
}

start_containerd() {
  local image
  C=$D/c
  mkdir -p "$C"/{cni,root,state} "$D/k"
  containerd_config >"$C/config.toml"
  cni_config >"$C/cni/10-bridge.conflist"
  start containerd containerd -c "$C/config.toml"
  wait_for containerd 120 ctr -a "$C/s" version
  for image in "$IMG"/*.tar; do ctr -a "$C/s" -n k8s.io images import "$image" >/dev/null; done
  say "images imported"
}

start_kubelet() {
  # Kubelet's device-plugin directory is hard-coded whatever --root-dir says, and its checkpoint of an earlier run pins
  # that resource at 0. A kubelet of another cluster of ours keeps working; only its device plugins would have to
  # register again.
  rm -rf /var/lib/kubelet/device-plugins
  echo "nameserver 127.0.0.1" >"$D/conf/resolv.conf"
  kubelet_config >"$D/conf/kubelet.yaml"
  start kubelet "$BIN/kubelet" --config "$D/conf/kubelet.yaml" --kubeconfig "$D/kubelet.kubeconfig" --root-dir "$D/k" \
    --cert-dir "$D/k/pki" --hostname-override node1 --node-ip "$NODE_IP" ${KUBELET_ARGS:-}
  wait_for "node Ready" 240 node_is_ready
}

node_is_ready() {
  "${K[@]}" get node node1 -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}' | grep -q True
}

start_kube_proxy() {
  "${K[@]}" create clusterrolebinding kube-proxy --clusterrole system:node-proxier --user system:kube-proxy >/dev/null 2>&1 || true
  kube_proxy_config >"$D/conf/kube-proxy.yaml"
  start kube-proxy "$BIN/kube-proxy" --config "$D/conf/kube-proxy.yaml"
  wait_for "kube-proxy healthz" 120 "$D/in" curl -sf http://127.0.0.1:10256/healthz
}
