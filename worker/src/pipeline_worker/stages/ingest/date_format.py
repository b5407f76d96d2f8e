"""The formats of dates, times and durations, as data: patterns that mean the same to Arrow (RE2) and to Python's `re`.

Each is to match a whole cell. A part that a cell does not have is an empty text to Arrow, and None to Python.
"""

from __future__ import annotations

from typing import NamedTuple

#: Each at its number, by their first three letters.
MONTHS = ("", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
#: Two digits for a year mean 19.. from here on, and 20.. below: 69 is 1969, and 68 is 2068, as POSIX and Python have it.
TWO_DIGIT_PIVOT = 69


class DateFormat(NamedTuple):
    """One way to write dates, each with or without a time of day behind it.

    :param order: `ymd`, `dmy` or `mdy`.
    :param pattern: it names year `y`, month `m` (a number or a name), day `d`, hour `H`, minute `M`, second `S` with its fraction, AM
        or PM `p` (one letter) and zone `z` (`Z`, `UTC`, `+02`, `+0200`, `+02:00`).
    """

    order: str
    pattern: str


def _write_month_names() -> str:
    """Return a pattern for English months, long or short, in any case.

    Each letter is given in both cases: `(?i)` would take the long s of old print for an s as well.
    """
    rest = ("uary", "ruary", "ch", "il", "", "e", "y", "ust", "t?(?:ember)?", "ober", "ember", "ember")
    names = []
    for month, more in zip(MONTHS[1:], rest, strict=True):
        pattern = month + (more if "?" in more or not more else f"(?:{more})?")
        names.append("".join(f"[{each.upper()}{each}]" if each.isalpha() else each for each in pattern))
    return f"(?:{'|'.join(names)})"


_YEAR, _SHORT_YEAR = "(?P<y>[0-9]{4})", "(?P<y>[0-9]{2})"
_DAY, _NUMBERED = "(?P<d>0?[1-9]|[12][0-9]|3[01])", "(?P<m>0?[1-9]|1[0-2])"
_NAMED = rf"(?P<m>{_write_month_names()})\.?"
_TIME = (
    r"(?:(?:T| +)(?P<H>[01]?[0-9]|2[0-3]):(?P<M>[0-5][0-9])(?::(?P<S>[0-5][0-9](?:\.[0-9]{1,9})?))?"
    r"(?: ?(?P<p>[AaPp])[Mm])?(?: ?(?P<z>Z|UTC|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?))?)?"
)

#: What a format is called → the format. Where a label has `YY` for the year, its two digits follow `TWO_DIGIT_PIVOT`.
FORMATS = {
    label: DateFormat(order, pattern + _TIME)
    for label, order, pattern in (
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
        ("DD.MM.YY", "dmy", rf"{_DAY}\.{_NUMBERED}\.{_SHORT_YEAR}"),
        ("YY.MM.DD", "ymd", rf"{_SHORT_YEAR}\.{_NUMBERED}\.{_DAY}"),
        ("DD/MM/YY", "dmy", f"{_DAY}/{_NUMBERED}/{_SHORT_YEAR}"),
        ("MM/DD/YY", "mdy", f"{_NUMBERED}/{_DAY}/{_SHORT_YEAR}"),
        ("YY/MM/DD", "ymd", f"{_SHORT_YEAR}/{_NUMBERED}/{_DAY}"),
        ("DD-MM-YY", "dmy", f"{_DAY}-{_NUMBERED}-{_SHORT_YEAR}"),
        ("MM-DD-YY", "mdy", f"{_NUMBERED}-{_DAY}-{_SHORT_YEAR}"),
        ("YY-MM-DD", "ymd", f"{_SHORT_YEAR}-{_NUMBERED}-{_DAY}"),
        ("DD Mon YY", "dmy", f"{_DAY}[- ]{_NAMED}[- ]{_SHORT_YEAR}"),
        ("Mon DD, YY", "mdy", f"{_NAMED} {_DAY},? {_SHORT_YEAR}"),
    )
}

#: What any of them begins with.
ANY_DATE = r"^(?:[0-9]{1,4}[-/. ][0-9A-Za-z]|[A-Za-z]{3,9}\.? [0-9])"

#: A time of day without a date.
TIME_OF_DAY = r"(?P<H>[01]?[0-9]|2[0-3]):(?P<M>[0-5][0-9])(?::(?P<S>[0-5][0-9](?:\.[0-9]{1,6})?))?"

#: What durations are called, and what one becomes: a `number` of seconds.
DURATION_LABEL = "H:MM:SS"
DURATION_EXAMPLE = ("39:10:00", 141000)
#: Hours have any number of digits. A duration is `(H * 3600 + M * 60) + S` in 64-bit floats, and then its sign.
DURATION = r"(?P<sign>-?)(?P<H>[0-9]+):(?P<M>[0-5][0-9]):(?P<S>[0-5][0-9](?:\.[0-9]{1,6})?)"
