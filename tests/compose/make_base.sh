#!/usr/bin/env bash
# Make a stand-in for the base image of worker/Dockerfile, on a machine that cannot pull it: Debian with its own Python,
# tagged with the very name that the Dockerfile asks for, so that the Dockerfile is built unmodified.
#
#   tests/compose/make_base.sh [--force]
#
# It trusts the certificate authorities of this machine and installs from where this machine's pip does, so that a build
# works behind a proxy of the machine's. For that reason it is for this machine only: never publish it. Needs root,
# debootstrap and a Docker engine; takes about a minute.
set -euo pipefail
cd "$(dirname "$0")/../.."

image=$(sed -n 's/^ARG PYTHON_IMAGE=//p' worker/Dockerfile)
suite=${image##*-}
if [ "${1:-}" != --force ]; then
    if docker image inspect "$image" >/dev/null 2>&1; then
        echo "$image is there already."
        exit 0
    fi
    if timeout 60 docker pull --quiet "$image" >/dev/null 2>&1; then
        echo "$image was pulled: no stand-in is needed."
        exit 0
    fi
fi

# The mirror that this machine's apt uses for Debian's main archive; another suite of it has the same address.
mirror=$(apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Created-By: Packages' |
    awk -F'|' '$1 == "Debian" && $2 == "Debian" { print $3; exit }')
if [ -z "$mirror" ]; then
    echo "No Debian mirror is known to apt here: run apt-get update first." >&2
    exit 1
fi

work=$(mktemp --directory)
trap 'rm -rf "$work"' EXIT
root=$work/root
debootstrap --variant=minbase --include=ca-certificates,python3,python3-pip,python3-venv "$suite" "$root" "$mirror" \
    >"$work/log" 2>&1 || { tail -20 "$work/log" >&2; exit 1; }

# Python asks its own bundle, Debian's tools theirs: both are the machine's then.
find /usr/local/share/ca-certificates -name '*.crt' -exec cp {} "$root/usr/local/share/ca-certificates/" \;
chroot "$root" update-ca-certificates >/dev/null 2>&1
{
    echo '[global]'
    python3 -m pip config list | sed -nE "s/^(global|install|site)\.(index-url|extra-index-url|trusted-host)='(.*)'\$/\2 = \3/p"
    echo 'cert = /etc/ssl/certs/ca-certificates.crt'
    echo 'timeout = 120'
} >"$root/etc/pip.conf"
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/*

tar --directory "$root" --create . | docker import --change 'CMD ["python3"]' - "$image" >/dev/null
echo "$image is a stand-in now, made from $(chroot "$root" python3 --version) of Debian $suite. Never publish it."
