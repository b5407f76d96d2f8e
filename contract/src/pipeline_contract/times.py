"""Times, as records spell them."""

from __future__ import annotations

from datetime import UTC, datetime


def write_time(time: datetime | None = None, timespec: str = "seconds") -> str:
    """Return *time*, or the time now, in UTC and ISO 8601: in whole seconds, or as exact as `auto` makes it."""
    return (time or datetime.now(UTC)).astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")
