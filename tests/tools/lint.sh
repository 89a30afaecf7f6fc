#!/usr/bin/env bash
# lint.sh [--fix|--format] : clang-format on every C++ file (--format: this alone), then clang-tidy on those whose text or
# headers changed since they last passed (results are kept in $WAN_CACHE/tidy, keyed by content), for up to 2 minutes;
# WAN_LONG=1: to the end.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$WAN_ROOT"
mapfile -t files < <(git ls-files --cached --others --exclude-standard '*.cc' '*.h')
if [ "${1:-}" = --fix ]; then clang-format-19 -i "${files[@]}"; say "formatted ${#files[@]} files"; exit 0; fi
clang-format-19 --dry-run --Werror "${files[@]}" || die "clang-format: run ./wan format"
say "clang-format: ${#files[@]} files as they should be"
if [ "${1:-}" = --format ]; then exit 0; fi
[ -e build/release/build.ninja ] || cmake --preset release >/dev/null
if [ -n "${WAN_LONG:-}" ]; then exec python3 tests/tools/tidy.py build/release; fi
exec python3 tests/tools/tidy.py build/release 120
