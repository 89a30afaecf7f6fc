# Sourced by the scripts behind ./wan: where things are, and how they say what they are doing.
: "${WAN_ROOT:=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}"
: "${WAN_CACHE:=$HOME/.cache/wan}"
export WAN_ROOT WAN_CACHE
export CCACHE_DIR=${CCACHE_DIR:-$WAN_CACHE/ccache}
# Paths relative to the checkout, so that two checkouts share compiler results.
export CCACHE_BASEDIR=$WAN_ROOT CCACHE_NOHASHDIR=1 CCACHE_MAXSIZE=${CCACHE_MAXSIZE:-4G}
export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
# Objects are told apart by what went into a precompiled header (cmake/WanPrecompiledHeaders.cmake), not by its bytes.
export CCACHE_PCH_EXTSUM=true

if [ -t 1 ]; then bold=$'\e[1m' plain=$'\e[0m' red=$'\e[31m'; else bold='' plain='' red=''; fi

say() { printf '%s\n' "$*"; }
die() { printf '%s%s%s\n' "$red" "$*" "$plain" >&2; exit 1; }

# human SECONDS: "1 min 20 s"
human() {
  if [ "$1" -ge 60 ]; then printf '%d min %02d s' $(($1 / 60)) $(($1 % 60)); else printf '%d s' "$1"; fi
}

# A plan of steps with the seconds each usually takes, so that every step can say how long is left.
plan_names=() plan_seconds=() plan_at=0 plan_started=$SECONDS
plan() { plan_names+=("$1"); plan_seconds+=("$2"); }
plan_left() {
  local left=0 i
  for ((i = plan_at; i < ${#plan_seconds[@]}; i++)); do left=$((left + plan_seconds[i])); done
  echo "$left"
}
# step NAME COMMAND...: announces, runs, says how long it took. The name must be the next of the plan.
step() {
  local name=$1 started=$SECONDS
  shift
  printf '%s[%d/%d] %s%s (about %s; all: %s left)\n' "$bold" $((plan_at + 1)) ${#plan_names[@]} "$name" "$plain" \
    "$(human "${plan_seconds[plan_at]}")" "$(human "$(plan_left)")"
  # In a subshell of its own, not left of ||, where the shell would ignore every error but the last command's.
  local rc
  set +e
  (set -e; "$@")
  rc=$?
  set -e
  if [ $rc != 0 ]; then
    printf '%s%s: failed after %s%s\n' "$red" "$name" "$(human $((SECONDS - started)))" "$plain" >&2
    exit $rc
  fi
  plan_at=$((plan_at + 1))
  printf '      done in %s\n' "$(human $((SECONDS - started)))"
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else
    die "installing packages needs root or sudo: run ./wan setup as root"; fi
}

libtorch_dir() { echo "$WAN_CACHE/libtorch/$(sha256sum "$WAN_ROOT/cmake/libtorch.lock" | cut -c1-16)"; }
# The cluster's programs are keyed by the modules they are built from.
kube_bin_dir() {
  echo "$WAN_CACHE/kube/$(cat "$WAN_ROOT"/tests/cluster/kubernetes/go.* "$WAN_ROOT"/tests/cluster/tools/*/go.* |
    sha256sum | cut -c1-16)/bin"
}
# The S3 server of the tests has a key of its own: another version of it must not build Kubernetes again.
s3_server_dir() { echo "$WAN_CACHE/s3/$(cat "$WAN_ROOT"/tests/cluster/s3/* | sha256sum | cut -c1-16)"; }
go_program() {
  if command -v go >/dev/null && go_is_recent go; then command -v go; else echo "$WAN_CACHE/go/$go_version/go/bin/go"; fi
}
go_version=1.27.3
go_is_recent() { # at least 1.26.7
  local v; v=$("$1" env GOVERSION 2>/dev/null) && [ "$(printf '%s\n' go1.26.7 "$v" | sort -V | head -n1)" = go1.26.7 ]
}
export KUBE_BIN=${KUBE_BIN:-$(kube_bin_dir)}
export WAN_S3_SERVER=${WAN_S3_SERVER:-$(s3_server_dir)/s3server}
export KUBE_IMAGES=${KUBE_IMAGES:-$WAN_CACHE/kube/images}
