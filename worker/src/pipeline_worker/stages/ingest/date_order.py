"""Which of the formats that a column of dates fits is meant, and whether dates with two-digit years are sure to be some."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from .column_type import Typed, leave_text
from .date_format import TWO_DIGIT_PIVOT
from .dates import Dates
from .setting_line import write_setting

#: Of `25/04/23` the year is the last number, although it could be the first, where the first numbers are as many as the days of
#: a month and the last ones as few as some years; the same with the two changed over.
_MANY_DAYS, _FEW_YEARS = 25, 5
#: Two-digit years that reach over more years can be of either century: people are born in 1935 and in 2005.
_LONGEST_SPAN = 60


def find_order(columns: Iterable[Sequence[Dates]]) -> str | None:
    """Return the order of those dates of a file that leave no doubt, if they agree.

    :param columns: for each column of dates, what it can be read as.
    """
    orders = set()
    for readings in columns:
        chosen = readings[0] if len(readings) == 1 else _find_likely(readings)
        if chosen is not None and chosen.is_numeric and "." not in chosen.label and _find_doubt(chosen, None) is None:
            orders.add(chosen.order)
    return orders.pop() if len(orders) == 1 else None


def settle_dates(name: str, readings: Sequence[Dates], found: str | None, given: str | None, kind: str | None) -> Typed:
    """Return what the column *name* is.

    :param readings: what it can be read as.
    :param found: the order of other dates of the file.
    :param given: the order that the request gives.
    :param kind: the type that the request gives; then there is no doubt that they are dates.
    """
    fault = readings[0].find_fault()
    if fault is not None:
        return leave_text(f"Text, because {fault}.")
    if given == "ymd" and not readings[0].has_short_years:
        given = None
    as_text = write_setting("column_types", name, "text")
    chosen, note = _choose(readings, found, given if readings[0].is_numeric else None, as_text)
    if chosen is None:
        return leave_text(note)
    doubt = _find_doubt(chosen, given) if kind is None else None
    if doubt is not None:
        return leave_text(f"Text: {doubt}; if they are dates, give {write_setting('column_types', name, chosen.type)}.")
    said = [note, *(f"{each}; to keep it as text, give {as_text}." for each in _tell(chosen))]
    label = None if chosen.label == "YYYY-MM-DD" else chosen.label
    return Typed(chosen.type, chosen.arrow_type, chosen, format=label, note=" ".join(filter(None, said)) or None)


def _choose(
    readings: Sequence[Dates], found: str | None, given: str | None, as_text: str
) -> tuple[Dates | None, str | None]:
    """Return the reading that is meant, or None, and a sentence where it does not go without saying.

    :param as_text: the line that keeps the column as text.
    """
    labels = " or ".join(each.label for each in readings)
    lines = {each.order: json.dumps({"ingestion_config": {"date_order": each.order}}) for each in readings}
    listed = " or ".join(lines.values())
    of_order = next((each for each in readings if each.order == (given or found)), None)
    if given:
        against = f"Text: its dates are {labels}, and the order that was given is {given}; to read them, give {listed}."
        return of_order, None if of_order else against
    if len(readings) == 1:
        return readings[0], None
    said = f"by itself it could be {labels}"
    likely = _find_likely(readings)
    if likely:
        others = " or ".join(line for order, line in lines.items() if order != likely.order)
        why = f"as its days are {len(likely.days)} different ones, and its years only {len(likely.years)}"
        return likely, f"Read as {likely.label}, {why}; {said}; if that is wrong, give {others}."
    if of_order:
        why = "like other dates of the file"
        return of_order, f"Read as {of_order.label}, {why}; {said}; to keep it as text, give {as_text}."
    return None, f"Text: its dates could be {labels}; if they are dates, give {listed}."


def _find_likely(readings: Sequence[Dates]) -> Dates | None:
    """Return the reading whose days are like the days of months, and whose years are few."""
    likely = [each for each in readings if len(each.days) >= _MANY_DAYS and len(each.years) <= _FEW_YEARS]
    return likely[0] if len(likely) == 1 else None


def _find_doubt(dates: Dates, given: str | None) -> str | None:
    """Return what is against dates with two-digit years, or None."""
    if not dates.has_short_years:
        return None
    first, last = min(dates.years), max(dates.years)
    if last - first > _LONGEST_SPAN:
        return f"as {dates.label} its two-digit years would be {first} to {last}, so the century of some is not sure"
    if dates.is_numeric and given is None and len(dates.years) >= len(dates.days):
        # `10/20/30` and `10/30/50`: dates of a table have fewer years than days of the month.
        return f"it could be codes, or dates as {dates.label}"
    return None


def _tell(dates: Dates) -> list[str]:
    """Return what was assumed of *dates*."""
    notes = []
    if dates.has_short_years:
        first, last = min(dates.years), max(dates.years)
        years = f"{first}" if first == last else f"{first} to {last}"
        pivot = f"00 to {TWO_DIGIT_PIVOT - 1} are read as 20.., {TWO_DIGIT_PIVOT} to 99 as 19.."
        notes.append(f"Dates written as {dates.label}, of {years} ({pivot})")
    if len(dates.offsets) > 1:
        one, *_, other = (f"{each[:3]}:{each[3:]}" for each in sorted(dates.offsets))
        zones = f"such as {one} and {other}"
        notes.append(f"Its times are of different zones, {zones}, and became those of UTC, hours of the day as well")
    return notes
