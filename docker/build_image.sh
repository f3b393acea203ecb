#!/usr/bin/env bash
# Builds the image and tests it, without a container engine: buildah makes it on a base that debootstrap makes, and
# `buildah run` starts it. Needs root on Debian; what is missing there it installs. All that it keeps is in build/image:
# base and wheels, so that the next run takes seconds, and the storage of buildah. `make image` calls this.
set -euo pipefail
cd "$(dirname "$0")/.."

SUITE=bookworm
PACKAGES=python3,python3-venv,ca-certificates
WORK=$PWD/build/image
PYTHON=$PWD/.venv/bin/python
IMAGE=callrouter:built

say() { printf -- '--- %s\n' "$*"; }

install_tools() {
  local missing=()
  command -v buildah >/dev/null || missing+=(buildah)
  command -v debootstrap >/dev/null || missing+=(debootstrap)
  command -v ip >/dev/null || missing+=(iproute2)
  if [ "$(id -u)" != 0 ]; then
    echo "make image needs root: debootstrap and buildah --isolation chroot do. Missing beside: ${missing[*]:-nothing}" >&2
    exit 1
  fi
  [ "${#missing[@]}" = 0 ] && return
  if ! command -v apt-get >/dev/null; then
    echo "make image needs ${missing[*]}" >&2
    exit 1
  fi
  say "installing ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# Where this machine takes its packages from: the suite's own place, else the first Debian archive, which has all suites.
find_mirror() {
  apt-get indextargets --format '$(CODENAME) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
    awk -v suite="$SUITE" '$2 == "main" { if ($1 == suite) { print $3; exit } if ($1 !~ /-/ && !other) other = $3 }
      END { if (other) print other }' | head -n 1
}

# The base as a tar, and the version of its Python beside it.
make_base() {
  [ -f "$BASE.tar" ] && [ -f "$BASE.python" ] && return
  say "making the base: $SUITE with $PACKAGES"
  rm -rf "$WORK"/base-*
  local mirror
  mirror=$(find_mirror)
  if [ -z "$mirror" ]; then
    apt-get update -qq  # without its lists apt does not say
    mirror=$(find_mirror)
  fi
  [ -n "$mirror" ] || { echo "apt knows no archive to make a base from" >&2; exit 1; }
  mkdir -p "$WORK/rootfs"
  local rootfs=$WORK/rootfs
  # In memory, where dpkg's fsync costs nothing.
  mount -t tmpfs -o mode=0755 tmpfs "$rootfs"
  debootstrap --variant=minbase --include="$PACKAGES" "$SUITE" "$rootfs" "$mirror" >"$BASE.log" 2>&1 ||
    { tail -n 20 "$BASE.log" >&2; exit 1; }
  chroot "$rootfs" python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])' >"$BASE.python"
  # Whatever names this machine's archive, or is of no use without it.
  rm -rf "$rootfs"/var/cache/apt/*.bin "$rootfs"/var/cache/apt/archives/*.deb "$rootfs"/var/lib/apt/lists/*
  : >"$rootfs/etc/apt/sources.list"
  rm -f "$rootfs/etc/resolv.conf" "$rootfs/etc/hostname"
  tar --one-file-system --numeric-owner -C "$rootfs" -cf "$BASE.tar.new" .
  umount --recursive "$rootfs"
  mv "$BASE.tar.new" "$BASE.tar"
}

# Wheels for the Python of the base, whichever Python is ours.
make_wheelhouse() {
  [ -d "$WHEELS" ] && return
  say "collecting wheels for Python $VERSION"
  rm -rf "$WORK"/wheels-*
  local platforms=() minor
  for minor in $(seq 17 36); do platforms+=(--platform "manylinux_2_${minor}_$(uname -m)"); done
  "$PYTHON" - >"$WORK/requirements.txt" <<'INSIDE'
import tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))
print(*project["project"]["dependencies"], *project["build-system"]["requires"], sep="\n")
INSIDE
  "$PYTHON" -m pip download -qq --disable-pip-version-check --only-binary=:all: --python-version "$VERSION" \
    "${platforms[@]}" --platform "manylinux2014_$(uname -m)" --dest "$WHEELS.new" --requirement "$WORK/requirements.txt"
  mv "$WHEELS.new" "$WHEELS"
}

engine() { buildah --root "$WORK/storage" --runroot "$WORK/run" "$@"; }

import_base() {
  engine inspect --type image "$BASE_IMAGE" >/dev/null 2>&1 && return
  say "importing the base"
  local container
  container=$(engine from --name base scratch)
  engine add --quiet "$container" "$BASE.tar" / >/dev/null
  engine commit --quiet --rm "$container" "$BASE_IMAGE" >/dev/null
}

# What `docker build` would be given: the files that .dockerignore lets through, and the wheels.
make_context() {
  rm -rf "$WORK/context"
  mkdir -p "$WORK/context"
  cp -a src docker pyproject.toml hatch_build.py README.md LICENSE .dockerignore "$WORK/context/"
  rm -rf "$WORK/context/docker/wheelhouse"
  cp -a "$WHEELS" "$WORK/context/docker/wheelhouse"
}

clean_up() {
  engine rm --all >/dev/null || true
  rm -rf "$WORK/context" "$WORK/rootfs"
}

if [ -z "${IN_OWN_NAMESPACE:-}" ]; then
  install_tools
  # In namespaces of its own: whatever is mounted or started in there is gone when this script is, however it ends.
  exec unshare --mount --propagation private --pid --fork --kill-child --mount-proc \
    env IN_OWN_NAMESPACE=1 bash "$0" "$@"
fi
mkdir -p "$WORK"
rm -rf "$WORK/run"  # of a run that was cut off: what it says is mounted is not
trap clean_up EXIT
engine rm --all >/dev/null
recipe=$(echo "$PACKAGES $(declare -f make_base)" | sha256sum | cut -c1-12)
BASE=$WORK/base-$SUITE-$recipe
BASE_IMAGE=callrouter-base:$SUITE-$recipe
make_base
VERSION=$(cat "$BASE.python")
WHEELS=$WORK/wheels-$VERSION-$(sha256sum pyproject.toml | cut -c1-12)
make_wheelhouse
import_base
make_context
say "building"
# Without layers: nothing but the base and the image is kept.
engine bud --isolation chroot --format docker --quiet --tag "$IMAGE" --file docker/Dockerfile \
  --build-arg BASE_IMAGE="localhost/$BASE_IMAGE" "$WORK/context" >/dev/null
engine rmi --prune --force >/dev/null
say "testing"
# In a network of its own, where every port is free; namespaces that tests make are named in here alone.
mkdir -p /run/netns
mount -t tmpfs tmpfs /run/netns
CALLROUTER_IMAGE=$IMAGE CALLROUTER_IMAGE_BASE=$BASE_IMAGE CALLROUTER_IMAGE_STORAGE=$WORK \
  unshare --net sh -c 'ip link set lo up && exec "$@"' - "$PYTHON" -m pytest -q -p no:cacheprovider tests/image "$@"
