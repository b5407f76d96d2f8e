"""Cells that are values and no text in their file, such as JSON's numbers: as text, they go the way of all cells."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from .arrow_text import EMPTY, make_text, make_texts

_FALSE = pc.equal(make_text("0"), make_text("1"))
#: Between these Arrow writes floats as Python does; other programs take whole numbers up to far beyond for themselves.
_LEAST, _MOST = pc.cast(make_texts("0.0001", "100000000000000"), pa.float64())
_ZERO = pc.cast(make_text("0"), pa.float64())


def write_float(value: float) -> str:
    """Return *value* as the reader of a model writes it, where it is a label: 7.0 is `7`; NaN is missing."""
    return write_floats([value])[0]


def write_floats(values: Iterable[float]) -> list[str]:
    """Return each of *values* so."""
    return ["" if text == "nan" else text.removesuffix(".0") for text in map(repr, values)]


def write_truth(value: bool) -> str:
    """Return *value* as a cell has it."""
    return "true" if value else "false"


def write_values(values: pa.Array) -> pa.Array:
    """Return *values*, whole numbers, floats, or true and false, as cells have them, which text already is."""
    if types.is_string(values.type):
        return values
    texts = pc.cast(values, pa.string())
    if types.is_floating(values.type):
        is_odd = pc.fill_null(pc.invert(are_plain(values)), _FALSE)
        texts = pc.replace_with_mask(texts, is_odd, make_texts(*write_floats(values.filter(is_odd).to_pylist())))
    return pc.fill_null(texts, EMPTY)


def are_plain(floats: pa.Array) -> pa.Array:
    """Return which of *floats* Arrow writes as Python does."""
    amounts = pc.abs(floats)
    return pc.or_(pc.and_(pc.greater_equal(amounts, _LEAST), pc.less(amounts, _MOST)), pc.equal(floats, _ZERO))
