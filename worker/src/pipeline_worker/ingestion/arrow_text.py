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
    encoded = [word.encode() for word in words]
    offsets = array("i", accumulate(map(len, encoded), initial=0))
    buffers = [None, pa.py_buffer(offsets.tobytes()), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(encoded), buffers)


def make_text(word: str) -> pa.Scalar:
    """Return *word* as a single value."""
    return make_texts(word)[0]


def make_null(kind: pa.DataType) -> pa.Scalar:
    """Return a missing value of the type *kind*."""
    return pa.nulls(1, kind)[0]
