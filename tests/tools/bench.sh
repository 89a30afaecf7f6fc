#!/usr/bin/env bash
# bench.sh [engine [ROW] | operator [OPTIONS] | programs | parts] : speed and memory on this machine. engine: each part
# of the engine against diffusers, in turn and in one run (installs the peer's Python packages, about 1 GB, on first
# use); programs: whole processes and sizes of our own; parts: what every prompt, byte of weights and frame goes through;
# operator: wan-operator on a real control plane, beside a twin on controller-runtime (builds that and kwok from the Go
# module proxy on first use).
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$WAN_ROOT"
bin=build/release/bin
peers=$WAN_CACHE/peers/$(cat runtime/models/train/setup.sh tests/bench/engine/requirements.txt | sha256sum | cut -c1-16)

install_peers() {
  [ ! -e "$peers/ready" ] || return 0
  say "installing diffusers and what it needs into $peers (about 2 minutes)"
  rm -rf "$peers"
  runtime/models/train/setup.sh "$peers"
  "$peers/bin/python" -m pip --quiet --disable-pip-version-check install -r tests/bench/engine/requirements.txt
  touch "$peers/ready"
}

engine() {
  install_peers
  tests/tools/build.sh release all wan-engine-bench >/dev/null
  python3 tests/bench/engine/run.py "$bin" "$WAN_CACHE/bench" "$peers/bin/python" "$@"
}

programs() {
  tests/tools/build.sh release >/dev/null
  local work i started
  work=$(mktemp -d)
  say "built-in model, 96x96, 17 frames, 20 steps, whole process:"
  for i in 1 2 3 4 5; do
    started=$(date +%s.%N)
    "$bin/wan-runtime" generate --prompt "a red ball moves to the right on a blue background" --seed "$i" -o "$work/$i.mp4" >/dev/null 2>"$work/log"
    printf '  run %d  %.2f s\n' "$i" "$(echo "$(date +%s.%N) - $started" | bc)"
  done
  rm -rf "$work"
  say "sizes:"
  for p in wan-operator wan-runtime wan-gallery wan-media; do printf '  %-13s %5d KiB\n' "$p" $(($(stat -c %s "$bin/$p") / 1024)); done
}

parts() {
  tests/tools/build.sh release wan-parts-bench >/dev/null
  "$bin/wan-parts-bench" --benchmark_counters_tabular=true
}

operator() {
  [ -x "$KUBE_BIN/kube-apiserver" ] || die "./wan bench operator needs the cluster's programs: run ./wan setup"
  tests/tools/build.sh release wan-operator wan-operator-bench >/dev/null
  tests/bench/operator/run.sh "$bin" "$@"
}

say "machine: $(nproc) cores, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n1), $(date -u +%F)"
case ${1:-all} in
  -h|--help) say "usage: ./wan bench [engine [ROW] | operator [OPTIONS] | programs | parts]   (ROW: start text dit-tiny dit-768 dit-4096 dit-14b vae-decode vae-encode job)" ;;
  engine) shift; engine "$@" ;;
  operator) shift; operator "$@" ;;
  programs) programs ;;
  parts) parts ;;
  all) programs; parts; operator; engine ;;
  *) die "./wan bench: \"$1\" is not one; allowed: engine [ROW], operator, programs, parts" ;;
esac
