"""Dates, times and both together as people write them."""

from __future__ import annotations

from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from .arrow_text import make_text, make_texts

#: Each at its number.
MONTHS = ("", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
#: The hours of the day as people with AM and PM count them, each at its number.
_HOURS = tuple(f"{half}{hour:02}" for half in "ap" for hour in (12, *range(1, 12)))
_MONTH = (
    r"(?i:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\.?"
)
_YEAR, _NUMBER = r"(?P<y>[0-9]{4})", r"[0-9]{1,2}"
_DAY, _NUMBERED, _NAMED = rf"(?P<d>{_NUMBER})", rf"(?P<m>{_NUMBER})", rf"(?P<m>{_MONTH})"
TIME_OF_DATE = (
    r"(?:(?:T| +)(?P<H>[0-9]{1,2}):(?P<M>[0-9]{2})(?::(?P<S>[0-9]{2}(?:\.[0-9]{1,9})?))?"
    r"(?: ?(?P<p>[AaPp])[Mm])?(?: ?(?P<z>Z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?))?)?"
)

#: How a format is called, its order, and its pattern. Two digits for a year are not read: they could mean two years.
FORMATS = (
    ("YYYY-MM-DD", "ymd", f"{_YEAR}-{_NUMBERED}-{_DAY}"),
    ("YYYY/MM/DD", "ymd", f"{_YEAR}/{_NUMBERED}/{_DAY}"),
    ("YYYY.MM.DD", "ymd", rf"{_YEAR}\.{_NUMBERED}\.{_DAY}"),
    ("DD.MM.YYYY", "dmy", rf"{_DAY}\.{_NUMBERED}\.{_YEAR}"),
    ("DD/MM/YYYY", "dmy", f"{_DAY}/{_NUMBERED}/{_YEAR}"),
    ("MM/DD/YYYY", "mdy", f"{_NUMBERED}/{_DAY}/{_YEAR}"),
    ("DD-MM-YYYY", "dmy", f"{_DAY}-{_NUMBERED}-{_YEAR}"),
    ("MM-DD-YYYY", "mdy", f"{_NUMBERED}-{_DAY}-{_YEAR}"),
    ("DD Mon YYYY", "dmy", f"{_DAY}[- ]{_NAMED}[- ]{_YEAR}"),
    ("Mon DD, YYYY", "mdy", f"{_NAMED} {_DAY},? {_YEAR}"),
)


class Dates:
    """Dates of one format, each with or without a time of day.

    :param label: the format as people write it, `DD.MM.YYYY`.
    :param order: `ymd`, `dmy` or `mdy`.
    """

    what: ClassVar[str] = "dates"

    def __init__(self, label: str, order: str, pattern: str) -> None:
        self.label = label
        self.order = order
        self._pattern = pattern + TIME_OF_DATE
        self._has_times = False
        self._zones: set[bool] = set()
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
        try:
            parsed = self._parse_iso(values)
            if parsed is None:
                misfits = pc.invert(pc.match_substring_regex(values, f"^{self._pattern}$"))
                if pc.any(misfits).as_py():
                    return misfits
                self._parse(values)
        except pa.ArrowInvalid:
            return self._find_impossible(values)
        # A time with a zone and one without cannot be put in order.
        return None if len(self._zones) < 2 else pc.is_valid(values)

    def convert(self, values: pa.Array) -> pa.Array:
        """Return *values* as :attr:`arrow_type`."""
        parsed = self._parse_iso(values)
        return pc.cast(self._parse(values) if parsed is None else parsed, self.arrow_type)

    def _parse_iso(self, values: pa.Array) -> pa.Array | None:
        """Return what Arrow itself can read, which is most of what there is; None for everything else."""
        if self.label != "YYYY-MM-DD":
            return None
        if not self._has_times:
            try:
                return pc.cast(values, pa.date32())
            except pa.ArrowInvalid:
                pass
        for zone in (None, "UTC"):
            try:
                parsed = pc.cast(values, pa.timestamp(self._unit, zone))
            except pa.ArrowInvalid:
                continue
            # `2024-01-31 10` is read by Arrow, and means nothing that is sure.
            if pc.any(pc.match_substring_regex(values, r"[ T][0-9]{2}(?:Z|[+-].*)?$")).as_py():
                return None
            self._has_times = True
            self._zones.add(zone is not None)
            return parsed
        return None

    def _parse(self, values: pa.Array) -> pa.Array:
        """Return *values*, all of which fit the pattern, as dates or timestamps.

        :raises pa.ArrowInvalid: one of them is not in the calendar (30 February).
        """
        encoded = pc.dictionary_encode(values)
        parts = pc.extract_regex(encoded.dictionary, f"^{self._pattern}$")
        year, month, day, hour = (pc.struct_field(parts, name) for name in ("y", "m", "d", "H"))
        if "Mon" in self.label:
            short = pc.utf8_slice_codeunits(pc.utf8_lower(month), 0, 3)
            month = pc.cast(pc.index_in(short, value_set=make_texts(*MONTHS)), pa.string())
        dates = pc.binary_join_element_wise(year, _pad(month), _pad(day), make_text("-"))
        if not pc.any(pc.not_equal(hour, make_text(""))).as_py():
            parsed = pc.cast(dates, pa.date32())
            return pc.take(pc.cast(parsed, self.arrow_type), encoded.indices)
        minute, second, half, zone = (pc.struct_field(parts, name) for name in ("M", "S", "p", "z"))
        texts = pc.binary_join_element_wise(dates, _join_time(hour, minute, second, half), make_text(" "))
        has_zone = pc.any(pc.not_equal(zone, make_text(""))).as_py()
        texts = pc.binary_join_element_wise(texts, pc.replace_substring(zone, "UTC", "Z"), make_text(""))
        if (pc.max(pc.utf8_length(second)).as_py() or 0) > len("00.000000"):
            self._unit = "ns"
        parsed = pc.cast(texts, pa.timestamp(self._unit, "UTC" if has_zone else None))
        self._has_times = True
        self._zones.add(bool(has_zone))
        return pc.take(parsed, encoded.indices)

    def _find_impossible(self, values: pa.Array) -> pa.Array:
        """Return which of *values*, all of which fit the pattern, cannot be read: value by value, and so only once."""
        encoded = pc.dictionary_encode(values)
        impossible = []
        for value in encoded.dictionary:
            try:
                self._parse(pa.array([value.as_py()]))
            except pa.ArrowInvalid:
                impossible.append(True)
            else:
                impossible.append(False)
        if not any(impossible):
            # Each can be read, but not all together: some have a zone, and some have none.
            return pc.is_valid(values)
        return pc.take(pa.array(impossible, pa.bool_()), encoded.indices)


#: Times of day: `9:30`, `09:30:15`, `09:30:15.25`.
TIME = r"(?:[01]?[0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?"


class Times:
    """Times of day: `9:30`, `09:30:15`, `09:30:15.25`."""

    type: ClassVar[str] = "time"
    what: ClassVar[str] = "times of day"

    @property
    def arrow_type(self) -> pa.DataType:
        """What the column becomes."""
        return pa.time64("us")

    def find_misfits(self, values: pa.Array) -> pa.Array | None:
        """Return which of *values* are no times of day, or None if all are."""
        misfits = pc.invert(pc.match_substring_regex(values, f"^{TIME}$"))
        return misfits if pc.any(misfits).as_py() else None

    def convert(self, values: pa.Array) -> pa.Array:
        """Return *values* as times."""
        padded = pc.replace_substring_regex(values, r"^([0-9]):", r"0\1:")
        texts = pc.binary_join_element_wise(make_text("1970-01-01"), padded, make_text(" "))
        return pc.cast(pc.cast(texts, pa.timestamp("us")), pa.time64("us"))


def list_date_formats() -> list[Dates]:
    """Return every format that is tried."""
    return [Dates(*each) for each in FORMATS]


def _pad(numbers: pa.Array) -> pa.Array:
    return pc.utf8_lpad(numbers, 2, "0")


def _join_time(hour: pa.Array, minute: pa.Array, second: pa.Array, half: pa.Array) -> pa.Array:
    """Return `HH:MM:SS`; midnight where a date has no time; with AM and PM counted in."""
    midnight = make_text("00")
    hour, minute, second = (
        _pad(pc.if_else(pc.equal(part, make_text("")), midnight, part)) for part in (hour, minute, second)
    )
    of_half = pc.binary_join_element_wise(pc.utf8_lower(half), hour, make_text(""))
    of_day = pc.cast(pc.index_in(of_half, value_set=make_texts(*_HOURS)), pa.string())
    hour = pc.coalesce(of_day, hour)
    return pc.binary_join_element_wise(_pad(hour), minute, second, make_text(":"))
