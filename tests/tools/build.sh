#!/usr/bin/env bash
# build.sh [PRESET] [TARGET...] : configures once, builds; prints ninja's progress line.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

preset=release
if [ $# -gt 0 ]; then preset=$1; shift; fi
case $preset in
  release|dev|asan|tsan) ;;
  -h|--help) say "usage: ./wan build [release|dev|asan|tsan] [TARGET...]"; exit 0 ;;
  *) die "./wan build: unknown preset \"$preset\"; allowed: release dev asan tsan" ;;
esac
cd "$WAN_ROOT"
[ -d "$(libtorch_dir)" ] || "$WAN_ROOT/tests/tools/setup.sh" --no-cluster
[ -e "build/$preset/build.ninja" ] || cmake --preset "$preset" >"/tmp/wan-configure-$$.log" 2>&1 || {
  cat "/tmp/wan-configure-$$.log" >&2; rm -f "/tmp/wan-configure-$$.log"; die "configuring the preset $preset failed"; }
rm -f "/tmp/wan-configure-$$.log"
export NINJA_STATUS='[%f/%t, %e s, about %W left] '
[ "$(ninja --version | cut -d. -f2)" -ge 12 ] || export NINJA_STATUS='[%f/%t, %e s] '
cmake --build "build/$preset" -- "$@"
