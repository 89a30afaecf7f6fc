#!/usr/bin/env bash
# setup.sh [--no-cluster] [--no-tests] : installs what building and testing need on Debian 12 or Ubuntu 24.04. Every
# step looks first whether its result is there, so a second run takes seconds.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

cluster=1 tests=1
while [ $# -gt 0 ]; do case $1 in
  --no-cluster) cluster= tests= ;;
  --no-tests) tests= ;;
  -h|--help) say "usage: ./wan setup [--no-cluster] [--no-tests]   (leaves out what the cluster and tests, or tests alone, need)"
    exit 0 ;;
  *) die "./wan setup: unknown option \"$1\"; allowed: --no-cluster --no-tests" ;;
esac; shift; done

build_packages=(
  ca-certificates git python3 python3-pip pkg-config make gcc libc6-dev xz-utils curl
  clang-19 clang-tidy-19 clang-format-19 libclang-rt-19-dev lld-19 cmake ninja-build ccache
  libyaml-cpp-dev nlohmann-json3-dev libavcodec-dev libavformat-dev libswscale-dev libavutil-dev libpng-dev libjpeg-dev
  libwebp-dev libseccomp-dev
  libsentencepiece-dev libprotobuf-dev libgtest-dev libgmock-dev libbenchmark-dev libspdlog-dev libcli11-dev
  prometheus-cpp-dev libicu-dev libssl-dev openssl ffmpeg)
cluster_packages=(
  containerd runc containernetworking-plugins nftables conntrack iptables busybox-static
  buildah mmdebstrap umoci skopeo iproute2 bc util-linux procps)

installed() { dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }
missing_packages() {
  local wanted=("${build_packages[@]}") p
  [ -z "$cluster" ] || wanted+=("${cluster_packages[@]}")
  for p in "${wanted[@]}"; do installed "$p" || echo "$p"; done
  # Debian 12's default Boost is 1.74; Ubuntu 24.04's is 1.83.
  installed libboost1.81-dev || { p=$(dpkg-query -W -f '${Version}' libboost-dev 2>/dev/null) &&
    dpkg --compare-versions "$p" ge 1.81; } || echo boost
}

install_packages() {
  local packages=("$@") i
  export DEBIAN_FRONTEND=noninteractive
  as_root apt-get update -qq
  for i in "${!packages[@]}"; do [ "${packages[i]}" != boost ] || {
    if apt-cache madison libboost1.81-dev | grep -q .; then packages[i]=libboost1.81-dev; else packages[i]=libboost-dev; fi; }; done
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
}

# unpack_wheels DIR REQUIREMENTS: the pinned wheels, checked against their hashes by pip, unpacked side by side.
unpack_wheels() {
  local dir=$1 requirements=$2 partial=$1.partial.$$ wheel
  rm -rf "$dir".partial.*
  mkdir -p "$partial/wheels"
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: \
    --python-version 3.11 --implementation cp --abi cp311 --abi none \
    --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 --platform manylinux_2_25_x86_64 \
    --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 --dest "$partial/wheels" -r "$requirements"
  for wheel in "$partial"/wheels/*.whl; do python3 -m zipfile -e "$wheel" "$partial"; done
  rm -rf "$partial/wheels"
  mv -T "$partial" "$dir"
}
install_libtorch() { mkdir -p "$WAN_CACHE/libtorch"; unpack_wheels "$(libtorch_dir)" "$WAN_ROOT/cmake/libtorch.lock"; }
install_go() {
  mkdir -p "$WAN_CACHE/go"
  unpack_wheels "$WAN_CACHE/go/$go_version" "$WAN_ROOT/tests/cluster/go.lock"
  chmod -R u+x "$WAN_CACHE/go/$go_version/go/bin" "$WAN_CACHE/go/$go_version/go/pkg/tool"
}
build_cluster_programs() {
  # Without DWARF the compiler's own cache is a fifth smaller; the binaries are stripped anyway.
  PATH="$(dirname "$(go_program)"):$PATH" KUBE_GCFLAGS=all=-dwarf=false "$WAN_ROOT/tests/cluster/build.sh" "$KUBE_BIN" allinone helm
}
build_s3_server() {
  PATH="$(dirname "$(go_program)"):$PATH" KUBE_GCFLAGS=all=-dwarf=false \
    "$WAN_ROOT/tests/cluster/build.sh" "$(dirname "$WAN_S3_SERVER")" s3server
}
have_cluster_programs() { [ -x "$KUBE_BIN/allinone" ] && [ -x "$KUBE_BIN/helm" ] && [ -e "$KUBE_BIN/.helm.stamp" ]; }

mapfile -t packages < <(missing_packages)
[ ${#packages[@]} = 0 ] || plan "packages: ${#packages[@]} from $(. /etc/os-release; echo "$PRETTY_NAME"), about 0.5 GB" 150
[ -d "$(libtorch_dir)" ] || plan "LibTorch: the torch wheel, 0.5 GB, checked against cmake/libtorch.lock" 60
if [ -n "$cluster" ]; then
  go_is_recent "$(go_program)" || plan "Go $go_version, 0.1 GB" 20
  have_cluster_programs || plan "Kubernetes, etcd and Helm from source (Go module proxy, 0.6 GB of modules)" 720
  [ -z "$tests" ] || [ -x "$WAN_S3_SERVER" ] || plan "an S3 server for the tests, from source (Go module proxy, 0.1 GB of modules)" 60
fi
if [ ${#plan_names[@]} = 0 ]; then say "set-up: everything is there"; exit 0; fi
say "set-up: ${#plan_names[@]} steps, about $(human "$(plan_left)"); caches in $WAN_CACHE"
[ ${#packages[@]} = 0 ] || step "packages" install_packages "${packages[@]}"
[ -d "$(libtorch_dir)" ] || step "LibTorch" install_libtorch
if [ -n "$cluster" ]; then
  go_is_recent "$(go_program)" || step "Go" install_go
  have_cluster_programs || step "Kubernetes, etcd and Helm" build_cluster_programs
  [ -z "$tests" ] || [ -x "$WAN_S3_SERVER" ] || step "the S3 server" build_s3_server
fi
