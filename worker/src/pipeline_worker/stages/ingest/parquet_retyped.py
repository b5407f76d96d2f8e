"""The values of a Parquet column as the type that the request gives: what the model's reader makes of them, too."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from .arrow_text import make_texts
from .column_type import USUAL_WORDS, CellMisfitError, Typed
from .number_format import list_numbers

#: The first number that 64 bits with a sign do not hold.
_END_INT64 = float(2**63)


def retype(values: pa.Array, typed: Typed) -> pa.Array:
    """Return *values*, of the type that the file gives, as *typed* says; missing ones as nulls.

    :raises CellMisfitError: a value is not of the type that the request gives; its row is counted within *values*.
    """
    if typed.reading is not None:
        return typed.convert(values)
    if types.is_string(typed.arrow_type) and not types.is_string(values.type):
        values = write_texts(values)
    if typed.words is not USUAL_WORDS:
        is_text = types.is_string(values.type)
        values = typed.words.leave_out(values) if is_text else _leave_out_numbers(values, typed.words.words)
    return values if values.type == typed.arrow_type else _change(values, typed.arrow_type)


def has_numbers(words: tuple[str, ...], kind: pa.DataType) -> bool:
    """Whether any of *words* is a number that a column of the type *kind* can have."""
    return bool(len(_list_values(words, kind)))


def write_texts(values: pa.Array) -> pa.Array:
    """Return *values* as text: `7` for 7.0, `true`, `2024-01-31T10:00:00`, as the model's reader writes them."""
    if types.is_floating(values.type):
        encoded = pc.dictionary_encode(values)
        written = (_write_float(each.as_py()) for each in encoded.dictionary)
        return pc.take(make_texts(*written), encoded.indices)
    texts = pc.cast(values, pa.string())
    if types.is_timestamp(values.type) or types.is_time(values.type):
        texts = pc.replace_substring(texts, " ", "T")
        texts = pc.replace_substring_regex(texts, r"\.([0-9]*?)0+(Z?)$", r".\1\2")
        texts = pc.replace_substring_regex(texts, r"\.(Z?)$", r"\1")
    return texts


def _write_float(value: float) -> str:
    return str(int(value)) if value.is_integer() else str(value)


def _change(values: pa.Array, target: pa.DataType) -> pa.Array:
    """Return *values* as *target*, where nothing is lost by that."""
    if types.is_boolean(target):
        misfits = pc.invert(pc.is_in(values, value_set=pc.cast(make_texts("0", "1"), values.type)))
        misfits = pc.and_(misfits, pc.is_valid(values))
    elif types.is_int64(target):
        end = pc.cast(make_texts(str(_END_INT64)), values.type)[0]
        is_whole = pc.and_(pc.equal(values, pc.floor(values)), pc.less(values, end))
        misfits = pc.invert(pc.and_(is_whole, pc.greater_equal(values, pc.negate(end))))
    elif types.is_date32(target):
        misfits = pc.not_equal(pc.cast(pc.cast(values, target, safe=False), values.type), values)
    else:
        return pc.cast(values, target, safe=False)
    if pc.any(misfits).as_py():
        position = pc.indices_nonzero(misfits)[0].as_py()
        raise CellMisfitError(position + 1, write_texts(values[position : position + 1])[0].as_py())
    return pc.cast(values, target)


def _leave_out_numbers(values: pa.Array, words: tuple[str, ...]) -> pa.Array:
    found = _list_values(words, values.type)
    if not len(found):
        return values
    is_missing = pc.is_in(values, value_set=found)
    return pc.if_else(is_missing, pa.nulls(1, values.type)[0], values) if pc.any(is_missing).as_py() else values


def _list_values(words: tuple[str, ...], kind: pa.DataType) -> pa.Array:
    """Return which of *words* are numbers of the type *kind*."""
    if types.is_int64(kind):
        numbers = [each for each in list_numbers(words) if each.is_integer() and abs(each) < _END_INT64]
    elif types.is_floating(kind):
        numbers = list_numbers(words)
    else:
        numbers = []
    return pc.cast(make_texts(*map(_write_float, numbers)), kind) if numbers else pa.nulls(0, kind)
