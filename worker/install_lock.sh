#!/bin/sh
# Install a lock file into /opt/python while an image is built; see Dockerfile.
set -eu
python3 -m pip --python /opt/python/bin/python install --require-hashes --no-deps --no-compile --no-input \
    --disable-pip-version-check --root-user-action=ignore --progress-bar=off -r "$1"
# The packages' own tests are a tenth of their size, and nothing imports them.
find /opt/python/lib -type d -name tests -prune -exec rm -rf {} +
# Compiled here, once, and never compared with its source again. (A template that is no Python yet fails; it stays as it is.)
/opt/python/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/python/lib >/dev/null || true
