"""Text constants for Arrow's compute functions, made without pandas.

Wherever Arrow is handed a Python value (`pa.array`, `pa.scalar`, `pc.equal(column, "")`), it first asks whether that
is one of pandas' and imports pandas to find out: 0.5 s, more than all else that `ingest` does to a small file.
"""

from __future__ import annotations

from array import array
from itertools import accumulate

import pyarrow as pa


def make_texts(*words: str) -> pa.Array:
    """Return *words* as an array of text."""
    joined = "".join(words)
    content = joined.encode()
    # Where each character is a byte, there is no need to count those of each word.
    lengths = map(len, words if len(content) == len(joined) else map(str.encode, words))
    offsets = array("i", [*accumulate(lengths, initial=0)])
    return pa.Array.from_buffers(pa.string(), len(words), [None, pa.py_buffer(offsets), pa.py_buffer(content)])


def make_text(word: str) -> pa.Scalar:
    """Return *word* as a single value."""
    return make_texts(word)[0]


def make_null(kind: pa.DataType) -> pa.Scalar:
    """Return a missing value of the type *kind*."""
    return pa.nulls(1, kind)[0]


EMPTY = make_text("")
#: A missing text.
NULL = make_null(pa.string())
