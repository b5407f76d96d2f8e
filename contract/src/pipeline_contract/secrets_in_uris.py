"""Keys and signatures in URIs: they belong into settings, and are never kept or shown."""

from __future__ import annotations

import re

#: `s3://KEY:SECRET@bucket/key`: a secret may have slashes, but no bucket's name has these two signs.
_KEY = re.compile(r"\w+://[^/]*[:@]")


def has_key(uri: str) -> bool:
    """Return whether *uri* has a key or an endpoint before its bucket."""
    return _KEY.match(uri) is not None


def hide_secrets(uri: str) -> str:
    """Return *uri* without what follows a `?`, which may be a signature; nothing where it has a key in it."""
    return "" if has_key(uri) else uri.partition("?")[0]
