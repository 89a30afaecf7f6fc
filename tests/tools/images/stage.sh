#!/usr/bin/env bash
# stage.sh operator|runtime BIN_DIR ROOTFS : the files of an image, ready to be copied into it, as three folders that
# become three layers, from what changes least to what changes most:
#   ROOTFS/system     shared libraries of the distribution that the programs need, CA certificates, users, notices
#   ROOTFS/libtorch   the parts of the torch wheel that the runtime links (runtime image only)
#   ROOTFS/programs   our programs and the built-in model
# Both Dockerfiles call it in their build stage; images.sh calls it on this machine. It wants no root.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
image=${1:?operator or runtime} bin=${2:?directory of the built programs} rootfs=${3:?directory to fill}
case $image in
  operator) programs=(wan-operator) ;;
  runtime) programs=(wan-runtime wan-media wan-gallery) ;;
  *) echo "stage.sh: unknown image \"$image\"; allowed: operator, runtime" >&2; exit 2 ;;
esac
# Where the wheels' folders lie inside the image; the Dockerfile's LD_LIBRARY_PATH names it too.
torch_prefix=/usr/lib/wan-gallery/libtorch

rm -rf "$rootfs"
mkdir -p "$rootfs"/{system,libtorch,programs/usr/bin}
system=$rootfs/system

put() { install -D -m "$1" "$2" "$3"; }

stage_programs() {
  local p
  for p in "${programs[@]}"; do
    [ -x "$bin/$p" ] || { echo "stage.sh: $bin/$p is missing; build it first: ./wan build" >&2; exit 1; }
    put 0755 "$bin/$p" "$rootfs/programs/usr/bin/$p"
    strip --strip-unneeded "$rootfs/programs/usr/bin/$p"
  done
  put 0644 "$root/LICENSE" "$rootfs/programs/usr/share/doc/wan-gallery/LICENSE"
}

stage_models() {
  local model
  mkdir -p "$rootfs/programs/usr/share/wan-gallery/models" "$rootfs/programs/opt/wan"
  for model in wan-tiny wan-tiny-i2v; do
    cp -r "$root/runtime/models/$model" "$rootfs/programs/usr/share/wan-gallery/models/"
    "$bin/wan-gallery" import "$root/runtime/models/$model" --to "$rootfs/programs/opt/wan/gallery" --name "$model" >&2
  done
}

# Prints the resolved path of every shared library that the programs load, the dynamic linker included.
libraries() {
  local p
  for p in "${programs[@]}"; do ldd "$bin/$p"; done >"$rootfs/ldd"
  if grep 'not found' "$rootfs/ldd" >&2; then
    echo "stage.sh: the libraries above are missing on this machine; run ./wan setup" >&2
    exit 1
  fi
  awk '$2 == "=>" && $3 ~ /^\// {print $3} $1 ~ /^\// {print $1}' "$rootfs/ldd" | sort -u
  rm "$rootfs/ldd"
}

# Wheels keep their folders (FOLDER/torch/lib, FOLDER/nvidia/...): their RPATHs are relative to themselves.
stage_libraries() {
  local lib real folder
  while read -r lib; do
    real=$(realpath -s "$lib")
    case $real in
      */torch/lib/*) folder=${real%%/torch/lib/*}; put 0644 "$lib" "$rootfs/libtorch$torch_prefix${real#"$folder"}"; wheels=$folder ;;
      */nvidia/*/lib/*) folder=${real%%/nvidia/*}; put 0644 "$lib" "$rootfs/libtorch$torch_prefix${real#"$folder"}" ;;
      /lib/*|/lib64/*) put 0755 "$lib" "$system/usr$real"; echo "$real" >>"$rootfs/owned" ;;
      /usr/*) put 0755 "$lib" "$system$real"; echo "$real" >>"$rootfs/owned" ;;
      *) echo "stage.sh: $lib is outside /usr and the torch wheel; install it as a package" >&2; exit 1 ;;
    esac
  done < <(libraries)
}

# One folder of the distribution's copyright text for each package that gave a file, and one list of name and version:
# from those the sources can be had (Debian's GPL parts, FFmpeg and x264, are called by wan-media alone).
stage_notices() {
  local package
  mkdir -p "$system/usr/share/doc/wan-gallery"
  # Each path is asked for twice: packages name /lib/... and /usr/lib/... for the same file; one of the two is unknown.
  { cat "$rootfs/owned"; sed 's,^/lib,/usr/lib,' "$rootfs/owned"; echo /usr/sbin/update-ca-certificates; } |
    { xargs dpkg -S 2>/dev/null || true; } | sed '/^diversion by /d; s/[:,].*//' | sort -u >"$rootfs/packages"
  while read -r package; do
    put 0644 "/usr/share/doc/$package/copyright" "$system/usr/share/doc/$package/copyright"
  done <"$rootfs/packages"
  xargs dpkg-query -W -f '${Package} ${Version} source ${source:Package} ${source:Version}\n' <"$rootfs/packages" |
    sort -u >"$system/usr/share/doc/wan-gallery/PACKAGES"
  rm "$rootfs/owned" "$rootfs/packages"
  [ -n "${wheels:-}" ] || return 0
  (cd "$wheels" && find torch-*.dist-info nvidia_*.dist-info \( -path '*/licenses/*' -o -name METADATA \) -type f) | while read -r f; do
    put 0644 "$wheels/$f" "$rootfs/libtorch/usr/share/doc/wan-gallery/wheels/$f"
  done
}

stage_system() {
  mkdir -p "$system"/{etc,tmp,usr/lib64} && chmod 1777 "$system/tmp"
  ln -s usr/lib "$system/lib"
  ln -s usr/lib64 "$system/lib64"
  ln -s usr/bin "$system/bin"
  printf 'root:x:0:0:root:/root:/sbin/nologin\nwan:x:65532:65532:wan:/tmp:/sbin/nologin\n' >"$system/etc/passwd"
  printf 'root:x:0:\nwan:x:65532:\n' >"$system/etc/group"
  printf 'passwd: files\ngroup: files\nhosts: files dns\n' >"$system/etc/nsswitch.conf"
  put 0644 /etc/os-release "$system/etc/os-release"
  put 0644 /etc/ssl/certs/ca-certificates.crt "$system/etc/ssl/certs/ca-certificates.crt"
  ln -s certs/ca-certificates.crt "$system/etc/ssl/cert.pem"
}

stage_programs
[ "$image" = operator ] || stage_models
stage_system
stage_libraries
stage_notices
find "$rootfs" -type d -exec chmod 0755 {} + && chmod 1777 "$system/tmp"
