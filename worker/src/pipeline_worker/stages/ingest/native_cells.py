"""Cells that are values and no text in their file, such as JSON's numbers: as text, they go the way of all cells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from .column_type import TRUTHS
from .extra_lines import Body


def write_float(value: float) -> str:
    """Return *value* as the reader of a model writes it, where it is a label: 7.0 is `7`; NaN is missing."""
    return write_floats([value])[0]


def write_floats(values: Iterable[float]) -> list[str]:
    """Return each of *values* so."""
    return ["" if text == "nan" else text.removesuffix(".0") for text in map(repr, values)]


def write_truth(value: bool) -> str:
    """Return *value* as a cell has it."""
    return "true" if value else "false"


def mark_truths(body: Body, names: list[str], kinds: Mapping[str, set[type]]) -> Body:
    """Return *body* with the columns of text that have true and false marked: a model meets these as they are.

    :param kinds: column → what its cells are.
    """
    typed = [
        replace(each, format=TRUTHS) if each.type == "text" and bool in kinds.get(name, ()) else each
        for name, each in zip(names, body.columns.typed, strict=True)
    ]
    return replace(body, columns=replace(body.columns, typed=typed))
