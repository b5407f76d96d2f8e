#!/usr/bin/env bash
# Make stand-ins for the images that the Dockerfiles and docker-compose.yaml take from a registry, on a machine that cannot
# pull them: Debian with its own packages, tagged with the very names that are asked for, so that nothing else is changed.
#
#   tests/compose/make_base.sh [--force]
#
# They trust the certificate authorities of this machine and install from where this machine's pip and Go do, so that a
# build works behind a proxy of the machine's. For that reason they are for this machine only: never publish them. Needs
# root, debootstrap and a Docker engine; takes about two minutes.
set -euo pipefail
cd "$(dirname "$0")/../.."

# One at a time: a second one finds what the first has made.
mkdir -p .state
exec 9>.state/make_base.held # not `.lock`: those are the lists of packages
! command -v flock >/dev/null || flock 9

suite=trixie
name_of() { sed -n "s/^$1=//p" .env.template; }
python=$(name_of PYTHON_IMAGE) debian=$(name_of DEBIAN_IMAGE) go=$(name_of GO_IMAGE) airflow=$(name_of AIRFLOW_BASE_IMAGE)
postgres=$(name_of POSTGRES_IMAGE) redis=$(name_of REDIS_IMAGE) haproxy=$(name_of HAPROXY_IMAGE)

missing=()
for image in "$python" "$debian" "$airflow" "$postgres" "$redis" "$haproxy" "$go"; do
    if [ "${1:-}" = --force ]; then
        missing+=("$image")
    elif docker image inspect "$image" >/dev/null 2>&1; then
        echo "$image is there already."
    # One that cannot be pulled tells of all: to wait for each would take minutes.
    elif [ ${#missing[@]} -eq 0 ] && timeout 60 docker pull --quiet "$image" >/dev/null 2>&1; then
        echo "$image was pulled: no stand-in is needed."
    else
        missing+=("$image")
    fi
done
[ ${#missing[@]} -gt 0 ] || exit 0

# The mirror that this machine's apt uses for Debian's main archive; another suite of it has the same address.
mirror=$(apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Created-By: Packages' |
    awk -F'|' '$1 == "Debian" && $2 == "Debian" { print $3; exit }')
if [ -z "$mirror" ]; then
    echo "No Debian mirror is known to apt here: run apt-get update first." >&2
    exit 1
fi

work=$(mktemp --directory)
trap 'rm -rf "$work"' EXIT
# What the runner and the builds run is one Debian; the servers are packages of it, in another.
declare -A packages=(
    [python]=python3,python3-pip,python3-venv
    [servers]=postgresql-17,redis-server,haproxy
)
for kind in python servers; do
    root=$work/$kind
    debootstrap --variant=minbase --include="ca-certificates,${packages[$kind]}" "$suite" "$root" "$mirror" \
        >"$work/$kind.log" 2>&1 || { tail -20 "$work/$kind.log" >&2; exit 1; }
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
done

tell() { echo "$1 is a stand-in now: $2 of Debian $suite. Never publish it."; }
is_missing() { [[ " ${missing[*]} " == *" $1 "* ]]; }
# Imports the folder $1 as the image $2, with the changes that follow.
import() {
    local root=$1 image=$2 options=()
    shift 2
    for change in "$@"; do options+=(--change "$change"); done
    tar --directory "$root" --create . | docker import "${options[@]}" - "$image" >/dev/null
}

if is_missing "$python"; then
    import "$work/python" "$python" 'CMD ["python3"]'
    tell "$python" "$(chroot "$work/python" python3 --version)"
fi
if is_missing "$debian"; then
    import "$work/python" "$debian"
    tell "$debian" "more than the slim image"
fi
if is_missing "$postgres" || is_missing "$redis" || is_missing "$haproxy"; then
    # As the official images have it: a cluster is made in a folder of the user's, and Debian's own is not there.
    rm -rf "$work"/servers/var/lib/postgresql/* "$work"/servers/etc/postgresql/*
    chroot "$work/servers" install -d -o postgres -g postgres -m 0700 /var/lib/postgresql/data
    chroot "$work/servers" install -d -o redis -g redis -m 0700 /data
    for image in "$postgres" "$redis" "$haproxy"; do
        if is_missing "$image"; then
            import "$work/servers" "$image" \
                'ENV PATH=/usr/lib/postgresql/17/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
            tell "$image" "Postgres, Redis and HAProxy"
        fi
    done
fi
if is_missing "$airflow"; then
    # A user 50000 of group 0, whose packages lie in a virtual environment of its own.
    root=$work/python
    chroot "$root" useradd --uid 50000 --gid 0 --create-home airflow
    # As there: another user of the group may look into it.
    chmod g=u "$root/home/airflow"
    chroot --userspec=50000:0 "$root" env HOME=/home/airflow python3 -m venv /home/airflow/.local
    import "$root" "$airflow" 'USER airflow' 'CMD ["bash"]' \
        'ENV PATH=/home/airflow/.local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/home/airflow'
    tell "$airflow" "$(chroot "$root" python3 --version) and nothing of Airflow"
fi
if is_missing "$go"; then
    if command -v go >/dev/null; then
        root=$work/python
        # The machine's own Go, and where it gets modules from.
        cp -a "$(go env GOROOT)" "$root/usr/local/go"
        settings=()
        for name in GOPROXY GONOSUMDB GONOSUMCHECK GOFLAGS GONOPROXY GOPRIVATE GOSUMDB; do
            value=$(go env "$name")
            [ -z "$value" ] || settings+=("ENV $name=$value")
        done
        import "$root" "$go" "${settings[@]}" \
            'ENV PATH=/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin GOPATH=/go'
        tell "$go" "$(go env GOVERSION)"
    else
        echo "$go: there is no Go on this machine to make a stand-in of." >&2
        exit 1
    fi
fi
