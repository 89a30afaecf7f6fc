#!/usr/bin/env bash
# test.sh [SUITE...] : sets up, builds, lints, runs the suites, prints the seconds of each beside its share, and ends
# with one line "N passed, N failed".
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$WAN_ROOT"

all_suites=(base engine operator jobs store console)
declare -A share=([setup]=2400 [base]=120 [engine]=360 [operator]=480 [jobs]=480 [store]=300 [console]=480)
suites=() lint=
for s in "$@"; do case $s in
  lint) lint=1 ;;
  base|engine|operator|jobs|store|console) suites+=("$s") ;;
  -h|--help) say "usage: ./wan test [lint base engine operator jobs store console]"; exit 0 ;;
  *) die "./wan test: unknown suite \"$s\"; allowed: lint ${all_suites[*]}" ;;
esac; done
[ $# -gt 0 ] || { suites=("${all_suites[@]}"); lint=1; }

passed=0 failed=0 report=()
# count LOG: adds the tests that GoogleTest and Python's unittest say they ran; a program of neither kind counts as one.
count() {
  local p f
  read -r p f < <(python3 tests/tools/count_tests.py "$1")
  passed=$((passed + p)) failed=$((failed + f))
}
run_suite() { # NAME BUILD_DIR CTEST_ARGS...
  local name=$1 build=$2 started=$SECONDS log
  shift 2
  log=$build/Testing/Temporary/LastTest.log
  rm -f "$log"
  printf '%s== %s%s\n' "$bold" "$name" "$plain"
  ctest --test-dir "$build" --no-tests=ignore --output-on-failure "$@" || true
  [ ! -e "$log" ] || { cp "$log" "$build/Testing/$name.log"; count "$log"; }
  report+=("$(printf '%-12s %4d s  of %4d s' "$name" $((SECONDS - started)) "${share[$name]:-300}")")
}

started=$SECONDS
tests/tools/setup.sh
if [ -n "$lint" ]; then tests/tools/lint.sh --format; fi  # seconds, so before the build
tests/tools/build.sh release
if [ -n "$lint" ]; then tests/tools/lint.sh; fi
[ $# -gt 0 ] || tests/tools/build.sh asan
report+=("$(printf '%-12s %4d s  of %4d s' "set-up+build" $((SECONDS - started)) "${share[setup]}")")

# The operator's tests wait more than they compute.
declare -A at_once=([operator]=-j4)
for s in "${suites[@]}"; do run_suite "$s" build/release -L "^$s\$" "${at_once[$s]:--j2}"; done
# The same unit tests under the address and undefined-behaviour sanitizers: everything without torch, no cluster.
on_host=(-LE 'engine|cluster' -E 'control_plane|layout')
if [ $# = 0 ]; then run_suite sanitizers build/asan -j2 "${on_host[@]}"; fi
if [ -n "${WAN_LONG:-}" ]; then
  tests/tools/build.sh tsan
  run_suite threads build/tsan -j2 "${on_host[@]}"
fi

printf '\n%s\n' "suite         took    share"
printf '%s\n' "${report[@]}"
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
