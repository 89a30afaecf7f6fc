#!/usr/bin/env bash
# The container images, made from programs that are built already; no container engine, no download, no root.
#   images.sh build OUTDIR --bin BIN_DIR     OUTDIR/operator.tar and OUTDIR/runtime.tar (OCI image layout archives) and
#                                            OUTDIR/images.env (OPERATOR_IMAGE=..., RUNTIME_IMAGE=...)
#   images.sh load OUTDIR CLUSTER_DIR        imports them into the local cluster's containerd, if not there yet
#   images.sh push OUTDIR REGISTRY           copies them to REGISTRY/operator and REGISTRY/runtime with skopeo, and
#                                            writes those names to OUTDIR/pushed.env
# Tags are digests of the content: an image that did not change keeps its name and is neither packed nor loaded again.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

usage() { sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2; }

# Everything that can change a byte of an image: programs, model, recipes.
key() {
  local image=$1 bin=$2 program
  { sha256sum "$root/$image/Dockerfile" "$here"/images/*.{sh,py} "$root/LICENSE"
    for program in $(programs "$image"); do sha256sum "$bin/$program"; ldd "$bin/$program" | awk '{print $1, $3}'; done
    dpkg-query -W -f '${Package} ${Version}\n' libc6 ca-certificates openssl 'libavcodec*' 2>/dev/null || true
    [ "$image" = operator ] || find "$root/runtime/models" -type f -exec sha256sum {} + | sort
  } | sha256sum
}

programs() {
  case $1 in operator) echo wan-operator ;; runtime) echo wan-runtime wan-media wan-gallery ;; esac
}

build_one() {
  local image=$1 out=$2 bin=$3 stamp rootfs name
  for program in $(programs "$image"); do
    [ -x "$bin/$program" ] || { echo "images.sh: $bin/$program is missing; build it first: ./wan build" >&2; exit 1; }
  done
  stamp=$(key "$image" "$bin")
  if [ -s "$out/$image.tar" ] && [ "$(cat "$out/.$image.key" 2>/dev/null)" = "$stamp" ]; then
    echo "image $(cat "$out/.$image.name"): unchanged" >&2
    return
  fi
  rootfs=$(mktemp -d "$out/.rootfs-XXXXXX")
  # shellcheck disable=SC2064  # expands now: the folder of this image
  trap "rm -rf '$rootfs'" EXIT
  "$here/images/stage.sh" "$image" "$bin" "$rootfs"
  name=$("$here/images/pack.py" "$root/$image/Dockerfile" "$rootfs" "localhost/wan-gallery/$image" "$out/$image.tar")
  rm -rf "$rootfs"
  echo "$name" >"$out/.$image.name"
  echo "$stamp" >"$out/.$image.key"
  echo "image $name: $(($(stat -c %s "$out/$image.tar") / 1000000)) MB" >&2
}

build() {
  local out=${1:-} bin
  [ $# = 3 ] && [ "$2" = --bin ] || usage
  mkdir -p "$out"
  out=$(cd "$out" && pwd) bin=$(cd "$3" && pwd)
  build_one operator "$out" "$bin"
  build_one runtime "$out" "$bin"
  printf 'OPERATOR_IMAGE=%s\nRUNTIME_IMAGE=%s\n' "$(cat "$out/.operator.name")" "$(cat "$out/.runtime.name")" >"$out/images.env"
}

load() {
  [ $# = 2 ] || usage
  local out=$1 socket=$2/c/s image name
  for image in operator runtime; do
    name=$(cat "$out/.$image.name")
    [ -z "$(ctr -a "$socket" -n k8s.io images ls -q "name==$name")" ] || continue
    ctr -a "$socket" -n k8s.io images import "$out/$image.tar" >/dev/null
  done
}

push() {
  [ $# = 2 ] || usage
  local out=$1 registry=${2%/} image name
  command -v skopeo >/dev/null || { echo "images.sh: pushing needs skopeo: apt-get install skopeo" >&2; exit 1; }
  : >"$out/pushed.env.new"
  for image in operator runtime; do
    name=$registry/$image:$(sed 's/.*://' "$out/.$image.name")
    skopeo copy ${SKOPEO_FLAGS:-} "oci-archive:$out/$image.tar" "docker://$name" >&2
    echo "${image^^}_IMAGE=$name" >>"$out/pushed.env.new"
  done
  mv "$out/pushed.env.new" "$out/pushed.env"
}

command=${1:-}
[ $# -gt 0 ] && shift
case $command in
  build) build "$@" ;;
  load) load "$@" ;;
  push) push "$@" ;;
  *) usage ;;
esac
