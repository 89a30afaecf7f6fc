#!/usr/bin/env bash
# bench.sh : figures of the built programs on this machine: seconds a clip, peak memory, sizes, start-up.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
[ "${1:-}" != -h ] && [ "${1:-}" != --help ] || { say "usage: ./wan bench"; exit 0; }
cd "$WAN_ROOT"
tests/tools/build.sh release >/dev/null
bin=build/release/bin
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say "machine: $(nproc) cores, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n1), $(date -u +%F)"
say "built-in model, 96x96, 17 frames, 20 steps, whole process:"
for i in 1 2 3 4 5; do
  started=$(date +%s.%N)
  "$bin/wan-runtime" generate --prompt "a red ball moves to the right on a blue background" --seed "$i" -o "$work/$i.mp4" >/dev/null 2>"$work/log"
  printf '  run %d  %.2f s\n' "$i" "$(echo "$(date +%s.%N) - $started" | bc)"
done
say "sizes:"
for p in wan-operator wan-runtime wan-gallery wan-media; do printf '  %-13s %5d KiB\n' "$p" $(($(stat -c %s "$bin/$p") / 1024)); done
