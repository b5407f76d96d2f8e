#!/usr/bin/env bash
# Install Debian's Docker engine, and what these tests need beside it, where they are missing; start the engine where none
# answers. For CI: needs root.
#
#   tests/compose/start_engine.sh LOG_FILE
#
# Prints the id of the engine that it started, and nothing where one ran already.
set -euo pipefail
log=${1:?name a file for the log of the engine}

answers() { docker version >/dev/null 2>&1; }

if answers; then exit 0; fi
missing=()
for pair in dockerd:docker.io docker:docker.io debootstrap:debootstrap haproxy:haproxy; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
done
if [ ${#missing[@]} -gt 0 ]; then
    apt-get update -qq >&2
    # Since Debian 13 the client and BuildKit are packages of their own.
    for package in docker-cli docker-buildx; do
        [ -z "$(apt-cache policy "$package")" ] || missing+=("$package")
    done
    DEBIAN_FRONTEND=noninteractive apt-get install --yes -qq --no-install-recommends "${missing[@]}" >&2
fi
# The package may have started its service, where there is an init system.
if answers; then exit 0; fi

# 1400: a virtual machine's own network may carry less than the 1500 that the engine takes for granted.
nohup dockerd --mtu 1400 >"$log" 2>&1 </dev/null &
engine=$!
for _ in $(seq 60); do
    if answers; then
        echo "$engine"
        exit 0
    fi
    kill -0 "$engine" 2>/dev/null || break
    sleep 0.5
done
echo "The Docker engine does not start; the end of $log:" >&2
tail -30 "$log" >&2
exit 1
