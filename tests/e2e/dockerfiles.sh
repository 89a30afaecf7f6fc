#!/usr/bin/env bash
# dockerfiles.sh [operator|runtime...] : builds the Dockerfiles from source as they stand, with buildah and a base image
# made by mmdebstrap (nothing is pulled), and compares the images with those that images.sh packs for the cluster.
# Long (it compiles everything in a container): only with WAN_LONG=1; else it ends with 77 (skipped).
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../tools/common.sh"
[ -n "${WAN_LONG:-}" ] || { echo "SKIPPED: set WAN_LONG=1 to build the Dockerfiles"; exit 77; }
[ "$(id -u)" = 0 ] || { echo "SKIPPED: buildah's chroot isolation needs root"; exit 77; }
[ $# -gt 0 ] || set -- operator runtime
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs
base=docker.io/library/debian:bookworm-slim store=$WAN_CACHE/images
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$store"

if ! buildah images -q $base >/dev/null 2>&1; then
  [ -s "$store/bookworm.tar" ] || mmdebstrap --quiet --variant=minbase bookworm "$store/bookworm.tar"
  container=$(buildah from scratch)
  buildah add -q "$container" "$store/bookworm.tar" / >/dev/null
  # A machine whose network has a certificate authority of its own: the build needs it too.
  if [ -n "$(ls /usr/local/share/ca-certificates 2>/dev/null)" ]; then
    buildah add -q "$container" /usr/local/share/ca-certificates /usr/local/share/ca-certificates >/dev/null
  fi
  buildah commit -q "$container" $base >/dev/null
  buildah rm "$container" >/dev/null
fi

# What must agree: configuration, and the files that are ours.
describe() { # OCI_ARCHIVE
  python3 - "$1" <<'PY'
import io, json, sys, tarfile
archive = tarfile.open(sys.argv[1])
def blob(d): return archive.extractfile("blobs/sha256/" + d["digest"][7:]).read()
manifest = json.loads(blob(json.load(archive.extractfile("index.json"))["manifests"][0]))
config = json.loads(blob(manifest["config"]))["config"]
print("user", config["User"], "entrypoint", config["Entrypoint"], "env", sorted(config["Env"]))
print("ports", sorted(config["ExposedPorts"]), "title", config["Labels"]["org.opencontainers.image.title"])
names = set()
for layer in manifest["layers"]:
    names |= {m.name.strip("./") for m in tarfile.open(fileobj=io.BytesIO(blob(layer))) if m.isfile()}
print("\n".join(sorted(n for n in names if n.startswith(("usr/bin", "opt", "usr/share/wan-gallery", "usr/lib")))))
PY
}

for image in "$@"; do
  started=$SECONDS
  buildah bud --pull-never --layers -f "$WAN_ROOT/$image/Dockerfile" -t "wan-gallery/$image" "$WAN_ROOT"
  buildah push -q "wan-gallery/$image" "oci-archive:$work/$image.tar"
  echo "$image: built from source in $(human $((SECONDS - started)))"
  "$WAN_ROOT/tests/tools/images.sh" build "$store" --bin "$WAN_ROOT/build/release/bin"
  diff <(describe "$store/$image.tar") <(describe "$work/$image.tar") && echo "$image: the packed image agrees"
done
