"""Dates of one format, with or without a time of day, and what was seen of them."""

from __future__ import annotations

import contextlib
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from .arrow_text import EMPTY, make_text, make_texts
from .date_format import FORMATS, MONTHS, TWO_DIGIT_PIVOT

#: The hours of the day as people with AM and PM count them, each at its number.
_HOURS = tuple(f"{half}{hour:02}" for half in "ap" for hour in (12, *range(1, 12)))
#: As Arrow counts it: a Python number would make it import pandas.
_HOUR_LENGTH = pc.binary_length(make_text("2024-01-31 10"))
_UTC = "+0000"
_ZONE = "(?P<z>Z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?)$"


class Dates:
    """Dates of one format.

    :param label: its name in :data:`FORMATS`.
    """

    what: ClassVar[str] = "dates"

    def __init__(self, label: str) -> None:
        self.label = label
        self.order, pattern = FORMATS[label]
        self.has_short_years = "YYYY" not in label
        #: Whether the same cells could be dates of another order: not where the year or the month shows itself.
        self.is_numeric = not label.startswith("YYYY") and "Mon" not in label
        #: Where years have two digits: the years, in full, and the days of the month, as they are written.
        self.years: set[int] = set()
        self.days: set[str] = set()
        #: The distances to UTC that times name: `+0200`; no more are looked for once they are two.
        self.offsets: set[str] = set()
        self._pattern = f"^{pattern}$"
        self._has_times = False
        #: Whether a zone is named → the first value of which that is so.
        self._zones: dict[bool, str] = {}
        self._unit = "us"

    @property
    def type(self) -> str:
        """The column's type: `timestamp` where any value has a time of day."""
        return "timestamp" if self._has_times else "date"

    @property
    def arrow_type(self) -> pa.DataType:
        """What the column becomes; times with a zone become UTC."""
        if not self._has_times:
            return pa.date32()
        return pa.timestamp(self._unit, tz="UTC" if True in self._zones else None)

    def find_misfits(self, values: pa.Array) -> pa.Array | None:
        """Return which of *values* are no such dates, or None if all are."""
        if self._parse_iso(values) is not None:
            return None
        misfits = pc.invert(pc.match_substring_regex(values, self._pattern))
        if pc.any(misfits).as_py():
            return misfits
        try:
            self._parse(values)
        except pa.ArrowInvalid:
            return self._find_impossible(values)
        return None

    def read_plain(self, texts: pa.Array) -> pa.Array | None:
        """Return *texts* as :attr:`arrow_type` where Arrow can read every one, and none is missing; otherwise None."""
        parsed = None if texts.null_count else self._parse_iso(texts)
        return None if parsed is None else pc.cast(parsed, self.arrow_type)

    def find_fault(self) -> str | None:
        """Return what is against reading the column so, as a whole, or None."""
        if len(self._zones) < 2:
            return None
        # They cannot be put in order.
        return (
            f"`{self._zones[True]}` names a time zone, and `{self._zones[False]}` does not; to have times, write a zone "
            "behind all of them, or behind none"
        )

    def convert(self, values: pa.Array) -> pa.Array:
        """Return *values* as :attr:`arrow_type`."""
        parsed = self._parse_iso(values)
        return pc.cast(self._parse(values) if parsed is None else parsed, self.arrow_type)

    def _parse_iso(self, values: pa.Array) -> pa.Array | None:
        """Return what Arrow itself can read, which is most of what there is; None for everything else."""
        if self.label != "YYYY-MM-DD":
            return None
        if not self._has_times:
            with contextlib.suppress(pa.ArrowInvalid):
                parsed = pc.cast(values, pa.date32())
                self._note_zone(values, is_named=False)
                return parsed
        for zone in (None, "UTC"):
            try:
                parsed = pc.cast(values, pa.timestamp(self._unit, zone))
            except pa.ArrowInvalid:
                continue
            if _have_hours_alone(values, has_zone=zone is not None):
                return None
            self._has_times = True
            self._note_zone(values, is_named=zone is not None)
            return parsed
        return None

    def _parse(self, values: pa.Array) -> pa.Array:
        """Return *values*, all of which fit the pattern, as dates or timestamps.

        :raises pa.ArrowInvalid: one of them is not in the calendar (30 February).
        """
        encoded = pc.dictionary_encode(values)
        parts = pc.extract_regex(encoded.dictionary, self._pattern)
        year, month, day, hour = (pc.struct_field(parts, name) for name in ("y", "m", "d", "H"))
        if self.has_short_years:
            is_earlier = pc.greater_equal(year, make_text(f"{TWO_DIGIT_PIVOT}"))
            century = pc.if_else(is_earlier, make_text("19"), make_text("20"))
            year = pc.binary_join_element_wise(century, year, EMPTY)
        if "Mon" in self.label:
            short = pc.utf8_slice_codeunits(pc.utf8_lower(month), 0, 3)
            month = pc.cast(pc.index_in(short, value_set=make_texts(*MONTHS)), pa.string())
        dates = pc.binary_join_element_wise(year, _pad(month), _pad(day), make_text("-"))
        if not pc.any(pc.not_equal(hour, EMPTY)).as_py():
            self._note_zone(encoded.dictionary, is_named=False)
            parsed = pc.cast(pc.cast(dates, pa.date32()), self.arrow_type)
        else:
            texts = pc.binary_join_element_wise(dates, _join_time(parts), make_text(" "))
            parsed = self._parse_times(encoded.dictionary, texts, parts)
        if self.has_short_years:
            self.years.update(int(each.as_py()) for each in pc.unique(year))
            self.days.update(each.as_py() for each in pc.unique(_pad(day)))
        return pc.take(parsed, encoded.indices)

    def _parse_times(self, values: pa.Array, texts: pa.Array, parts: pa.Array) -> pa.Array:
        """Return *texts*, the dates and times that *values* were made of, with their zones as timestamps."""
        second, zone = (pc.struct_field(parts, name) for name in ("S", "z"))
        if (pc.max(pc.utf8_length(second)).as_py() or 0) > len("00.000000"):
            self._unit = "ns"
        has_zone = pc.not_equal(zone, EMPTY)
        is_zoned = pc.any(has_zone).as_py()
        if is_zoned:
            zone = pc.if_else(has_zone, pc.replace_substring(zone, "UTC", "Z"), make_text("Z"))
        texts = pc.binary_join_element_wise(texts, zone, EMPTY)
        parsed = pc.cast(texts, pa.timestamp(self._unit, "UTC" if is_zoned else None))
        self._has_times = True
        self._note_zone(values.filter(pc.invert(has_zone)), is_named=False)
        self._note_zone(values.filter(has_zone), is_named=True)
        return parsed

    def _note_zone(self, values: pa.Array, *, is_named: bool) -> None:
        """Note that *values* name a zone, or that they do not; then a cell without a time of day does not either."""
        if len(values) == values.null_count:
            return
        if is_named not in self._zones:
            self._zones[is_named] = values.drop_null()[0].as_py()
        if not is_named or len(self.offsets) > 1:
            return
        if pc.all(pc.ends_with(values, "Z")).as_py():
            self.offsets.add(_UTC)
            return
        zones = pc.unique(pc.struct_field(pc.extract_regex(values.drop_null(), _ZONE), "z"))
        found = (each.as_py().replace("UTC", "Z").replace("Z", _UTC).replace(":", "") for each in zones)
        self.offsets.update(each.ljust(len(_UTC), "0") for each in found)

    def _find_impossible(self, values: pa.Array) -> pa.Array:
        """Return which of *values*, all of which fit the pattern, are in no calendar: value by value, and so only once."""
        encoded = pc.dictionary_encode(values)
        impossible = []
        for value in encoded.dictionary:
            try:
                self._parse(make_texts(value.as_py()))
            except pa.ArrowInvalid:
                impossible.append(True)
            else:
                impossible.append(False)
        return pc.take(pa.array(impossible, pa.bool_()), encoded.indices)


def list_date_formats(order: str | None = None) -> list[Dates]:
    """Return every format that is tried; where *order* is given, only it in dates that could be of another."""
    formats = [Dates(label) for label in FORMATS]
    return [each for each in formats if order is None or not each.is_numeric or each.order == order]


def _have_hours_alone(values: pa.Array, *, has_zone: bool) -> bool:
    """Whether any of *values* is like `2024-01-31 10`: it is read by Arrow, and means nothing that is sure."""
    if not has_zone:
        return bool(pc.any(pc.equal(pc.binary_length(values), _HOUR_LENGTH)).as_py())
    return bool(pc.any(pc.match_substring_regex(values, r"[ T][0-9]{2}(?:Z|[+-].*)?$")).as_py())


def _pad(numbers: pa.Array) -> pa.Array:
    return pc.utf8_lpad(numbers, 2, "0")


def _join_time(parts: pa.Array) -> pa.Array:
    """Return `HH:MM:SS`; midnight where a date has no time; with AM and PM counted in."""
    hour, minute, second, half = (pc.struct_field(parts, name) for name in ("H", "M", "S", "p"))
    midnight = make_text("00")
    hour, minute, second = (_pad(pc.if_else(pc.equal(part, EMPTY), midnight, part)) for part in (hour, minute, second))
    of_half = pc.binary_join_element_wise(pc.utf8_lower(half), hour, EMPTY)
    of_day = pc.cast(pc.index_in(of_half, value_set=make_texts(*_HOURS)), pa.string())
    hour = pc.coalesce(of_day, hour)
    return pc.binary_join_element_wise(_pad(hour), minute, second, make_text(":"))
