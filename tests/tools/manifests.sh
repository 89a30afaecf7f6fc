#!/usr/bin/env bash
# manifests.sh [--check] : writes what is generated from crds/ and the chart, or only checks that it is up to date:
#   charts/wan-gallery/files/crds/   a copy of crds/ (Helm reads no file outside the chart)
#   manifests/{rbac,operator,gallery,admission}.yaml   the chart rendered with its defaults, without Helm's marks
# Needs helm (./wan setup builds it).
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$WAN_ROOT"
helm=$(command -v "$KUBE_BIN/helm" || command -v helm) || die "manifests.sh: helm is missing: run ./wan setup"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

render() { # TEMPLATE...
  local t args=()
  for t in "$@"; do args+=(-s "templates/$t.yaml"); done
  "$helm" template wan-gallery charts/wan-gallery --namespace wan-system --kube-version 1.30.0 \
    --api-versions wan.gallery/v1alpha1/GalleryModel "${args[@]}" |
    sed '/^# Source: /d; /helm\.sh\/chart: /d; /app\.kubernetes\.io\/managed-by: Helm/d'
}

mkdir -p "$work/manifests" "$work/crds"
find crds -maxdepth 1 -name '*.yaml' ! -name kustomization.yaml -exec cp {} "$work/crds/" \;
{ render serviceaccount; render rbac; } >"$work/manifests/rbac.yaml"
render operator >"$work/manifests/operator.yaml"
render gallery >"$work/manifests/gallery.yaml"
render admission >"$work/manifests/admission.yaml"

if [ "${1:-}" = --check ]; then
  diff -ru "$work/crds" charts/wan-gallery/files/crds && for f in rbac operator gallery admission; do
    diff -u "manifests/$f.yaml" "$work/manifests/$f.yaml"; done || die "generated manifests differ: run tests/tools/manifests.sh"
else
  rm -rf charts/wan-gallery/files/crds
  cp -r "$work/crds" charts/wan-gallery/files/crds
  cp "$work"/manifests/*.yaml manifests/
fi
