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
install() { DEBIAN_FRONTEND=noninteractive apt-get install --yes -qq --no-install-recommends "$@" >&2; }

missing=()
for pair in dockerd:docker.io docker:docker.io debootstrap:debootstrap; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
done
if [ ${#missing[@]} -gt 0 ]; then
    apt-get update -qq >&2
    # Since Debian 13 the client is a package of its own.
    [ -z "$(apt-cache policy docker-cli)" ] || missing+=(docker-cli)
    install "${missing[@]}"
fi
if ! docker compose version >/dev/null 2>&1 || ! docker buildx version >/dev/null 2>&1; then
    if [ "$(. /etc/os-release && echo "$VERSION_CODENAME")" = bookworm ]; then
        # Debian 12 has no Compose of today; these two packages of Debian 13 work with its engine, and nothing else of it is taken.
        mirror=$(apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Created-By: Packages' |
            awk -F'|' '$1 == "Debian" && $2 == "Debian" { print $3; exit }')
        echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main" \
            >/etc/apt/sources.list.d/compose-of-trixie.list
        printf 'Package: *\nPin: release n=trixie\nPin-Priority: 100\n\nPackage: docker-compose docker-buildx\nPin: release n=trixie\nPin-Priority: 900\n' \
            >/etc/apt/preferences.d/compose-of-trixie
    fi
    apt-get update -qq >&2
    install docker-compose docker-buildx
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
