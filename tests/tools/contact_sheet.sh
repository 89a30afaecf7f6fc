#!/usr/bin/env bash
# contact_sheet.sh [FILE] : one row of frames for each of some prompts, made by the built-in models, as a PNG.
# Wants a release build and ffmpeg. The picture in README.md is its output.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

case ${1:-} in -h|--help) say "usage: tests/tools/contact_sheet.sh [FILE]   (default runtime/models/wan-tiny-contact-sheet.png)"; exit 0 ;; esac
sheet=${1:-$WAN_ROOT/runtime/models/wan-tiny-contact-sheet.png}
every=4 columns=5  # of 17 frames: 1, 5, 9, 13, 17
prompts=(
  "a red ball moves to the right on a blue background"
  "a green square moves up on a black background"
  "a yellow triangle moves to the left on a purple background"
  "a white ball moves down on a green background"
  "a blue square moves to the right on a yellow background")
from_picture="a red ball moves to the left on a blue background"
picture=$WAN_ROOT/runtime/models/wan-tiny-i2v-example.png

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rows=()
row() { # NAME, arguments of generate
  local name=$1
  "$WAN_ROOT/build/release/bin/wan-runtime" generate "${@:2}" --seed 1 -o "$work/$name/" >/dev/null
  ffmpeg -loglevel error -i "$work/$name/%04d.png" -frames:v 1 \
    -vf "select=not(mod(n\,$every)),tile=${columns}x1:padding=4:margin=2:color=white" "$work/$name.png"
  rows+=(-i "$work/$name.png")
}
for i in "${!prompts[@]}"; do row "$i" --prompt "${prompts[i]}"; done
row picture --model wan-tiny-i2v --image "$picture" --prompt "$from_picture"
ffmpeg -loglevel error -y "${rows[@]}" -filter_complex "vstack=inputs=$((${#rows[@]} / 2))" -frames:v 1 -compression_level 100 -pred mixed -flags bitexact "$work/sheet.png"
mv "$work/sheet.png" "$sheet"
say "$sheet: $((${#rows[@]} / 2)) prompts, $columns frames each, $(stat -c %s "$sheet") bytes"
