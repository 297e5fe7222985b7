#!/usr/bin/env bash
# Start a Docker engine on a machine without an init system, and stop it again.
#
#   engine.sh start [OPTION…]   as root; options go to dockerd, without any it tries what weaker machines need, in turn
#   engine.sh stop              stops what `start` started, nothing else
set -euo pipefail

state=${DOCKER_STATE:-${TMPDIR:-/tmp}/model-serving-docker}
patience_s=60

# From the ordinary engine to one that needs neither overlayfs nor netfilter; containers then share the host's network. Vfs
# has a data root of its own, because BuildKit's cache does not survive a change of driver.
readonly vfs="--storage-driver=vfs --data-root=/var/lib/docker-vfs" shared="--iptables=false --bridge=none"
readonly attempts=("" "$vfs" "$shared" "$shared $vfs")

answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

# dockerd with the given options: 0 once it answers, 1 if it ends or stays silent
attempt() {
  setsid dockerd "$@" >"$state/dockerd.log" 2>&1 </dev/null &
  local pid=$! deadline=$((SECONDS + patience_s))
  echo "$pid" >"$state/dockerd.pid"
  while kill -0 "$pid" 2>/dev/null && ((SECONDS < deadline)); do
    answers && return 0
    sleep 0.3
  done
  stop >/dev/null
  return 1
}

start() {
  if answers; then
    echo "Docker engine $(docker version --format '{{.Server.Version}}'): answers already"
    return
  fi
  command -v dockerd >/dev/null || { echo "dockerd: not found on PATH: on Debian, apt-get install docker.io" >&2; return 1; }
  [[ $EUID == 0 ]] || { echo "user $(id -un): dockerd needs root" >&2; return 1; }
  mkdir -p "$state"
  local options tries=("${attempts[@]}")
  (($# == 0)) || tries=("$*")
  for options in "${tries[@]}"; do
    # word splitting is wanted: an attempt is a list of options
    # shellcheck disable=SC2086
    if attempt $options; then
      echo "Docker engine $(docker version --format '{{.Server.Version}}'): started, options: ${options:-none}"
      return
    fi
    echo "dockerd ${options:-without options}: does not start: $(tail -n 1 "$state/dockerd.log")" >&2
  done
  echo "Docker engine: none of the above starts; the whole log is $state/dockerd.log" >&2
  return 1
}

stop() {
  local pid
  [[ -f $state/dockerd.pid ]] || { echo "Docker engine: not started by engine.sh, left alone"; return; }
  pid=$(<"$state/dockerd.pid")
  rm "$state/dockerd.pid"
  kill "$pid" 2>/dev/null || { echo "Docker engine: was gone already"; return; }
  for _ in {1..100}; do
    kill -0 "$pid" 2>/dev/null || { echo "Docker engine: stopped"; return; }
    sleep 0.3
  done
  kill -KILL "$pid"
  echo "Docker engine: killed after 30 s" >&2
}

case ${1:-} in
  start) shift; start "$@" ;;
  stop) stop ;;
  *) sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
