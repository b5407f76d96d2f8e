"""Times of day and durations as people write them."""

from __future__ import annotations

from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from .arrow_text import make_text, make_texts
from .date_format import DURATION, DURATION_LABEL, TIME_OF_DAY

#: In an hour, and in a minute.
_SECONDS = pc.cast(make_texts("3600", "60"), pa.float64())


class Times:
    """Times of day: `9:30`, `09:30:15`, `09:30:15.25`."""

    type: ClassVar[str] = "time"
    what: ClassVar[str] = "times of day"
    arrow_type: ClassVar[pa.DataType] = pa.time64("us")

    def find_misfits(self, values: pa.Array) -> pa.Array | None:
        """Return which of *values* are no times of day, or None if all are."""
        misfits = pc.invert(pc.match_substring_regex(values, f"^{TIME_OF_DAY}$"))
        return misfits if pc.any(misfits).as_py() else None

    def convert(self, values: pa.Array) -> pa.Array:
        """Return *values* as times."""
        padded = pc.replace_substring_regex(values, r"^([0-9]):", r"0\1:")
        texts = pc.binary_join_element_wise(make_text("1970-01-01"), padded, make_text(" "))
        return pc.cast(pc.cast(texts, pa.timestamp("us")), self.arrow_type)


class Durations:
    """Durations of any length, in seconds: `39:10:00`, `-1:30:00`.

    What are times of day only is for :class:`Times`, which is asked before.
    """

    type: ClassVar[str] = "number"
    what: ClassVar[str] = "durations"
    label: ClassVar[str] = DURATION_LABEL
    arrow_type: ClassVar[pa.DataType] = pa.float64()

    def __init__(self) -> None:
        self._short: str | None = None

    def find_misfits(self, values: pa.Array) -> pa.Array | None:
        """Return which of *values* are no durations, or None if all are; `39:10` counts as one."""
        misfits = pc.invert(pc.match_substring_regex(values, f"^{DURATION}$"))
        if not pc.any(misfits).as_py():
            return None
        is_short = pc.match_substring_regex(values, "^-?[0-9]+:[0-5][0-9]$")
        short = values.filter(is_short)
        if len(short):
            self._short = self._short or short[0].as_py()
            misfits = pc.and_not(misfits, is_short)
        return misfits if pc.any(misfits).as_py() else None

    def find_fault(self) -> str | None:
        """Return what is against reading the column so, as a whole, or None."""
        if self._short is None:
            return None
        return (
            f"`{self._short}` could be hours and minutes, or minutes and seconds; to have durations, write all of its "
            "cells with all three, such as 39:10:00 or 0:39:10"
        )

    def convert(self, values: pa.Array) -> pa.Array:
        """Return *values* in seconds."""
        parts = pc.extract_regex(values, f"^{DURATION}$")
        hours, minutes, seconds = (pc.cast(pc.struct_field(parts, name), pa.float64()) for name in ("H", "M", "S"))
        of_hours, of_minutes = pc.multiply(hours, _SECONDS[0]), pc.multiply(minutes, _SECONDS[1])
        total = pc.add(pc.add(of_hours, of_minutes), seconds)
        is_negative = pc.equal(pc.struct_field(parts, "sign"), make_text("-"))
        return pc.if_else(is_negative, pc.negate(total), total)
