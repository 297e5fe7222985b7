#!/usr/bin/env bash
# Make a stand-in for the pinned Python base image out of Debian packages, for a machine that reaches no image registry.
#
#   standin-base.sh [IMAGE]   as root, with debootstrap; does nothing where IMAGE (by default the base pinned in
#                             versions.toml) is there or can be pulled
#
# The stand-in has Debian's python3 where the original has Python's own build of the pinned version. It proves that a
# Dockerfile builds and runs; it is nothing to ship, so it carries the label serving.base.stand-in, and so does
# whatever is built on it.
set -euo pipefail

versions=$(dirname "${BASH_SOURCE[0]}")/../../versions.toml
image=${1:-$(sed -n '/^\[images.python\]/,/^$/ s/^reference = "\(.*\)"/\1/p' "$versions")}
name=${image%@*} # what the stand-in is called: a digest cannot be made
suite=bookworm

for here in "$image" "$name"; do
  if docker image inspect "$here" >/dev/null 2>&1; then
    echo "$here: here already"
    exit
  fi
done
if reason=$(timeout 120 docker pull --quiet "$image" 2>&1); then
  echo "$image: pulled"
  exit
fi
echo "$image: cannot be pulled ($(tail -n 1 <<<"$reason"))"

command -v debootstrap >/dev/null || { echo "debootstrap: not found on PATH: apt-get install debootstrap" >&2; exit 1; }
[[ $EUID == 0 ]] || { echo "user $(id -un): debootstrap needs root" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "$image: making a stand-in with debootstrap, about a minute"
debootstrap --variant=minbase --include=python3,python-is-python3,python3-venv,libpython3.11,ca-certificates "$suite" "$work/root" >"$work/log" 2>&1 ||
  { tail -n 5 "$work/log" >&2; echo "debootstrap $suite: failed, its last lines are above" >&2; exit 1; }
tar --directory "$work/root" --exclude=./var/cache/apt/archives/*.deb --exclude='./var/lib/apt/lists/*_*' --create . |
  docker import --change "LABEL serving.base.stand-in=debootstrap-$suite" - "$name" >/dev/null
echo "$name: stand-in made, $(docker image inspect --format '{{.Size}}' "$name" | awk '{printf "%.0f MB", $1 / 1e6}')"
