"""Which cells of a table of text stand without quotes: there a word for missing can mean what it does not mean in quotes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from .guess import Guess
from .missing_words import MISSING_WORDS, PANDAS_WORDS
from .native_cells import write_values
from .text_format import TextFormat

#: Reads the file from its beginning; unquoted cells that are one of these words come as nulls.
Read = Callable[[tuple[str, ...]], Iterator[pa.RecordBatch]]

#: Cells of a column that are looked for without quotes; all of them together make a tree, which Arrow bounds.
_SAMPLES = 30
_SAMPLED_ROWS = 1000
_LONGEST_SAMPLE = 64
_SAMPLE_CHARACTERS = 16_000


def take_samples(texts: pa.Array, text_format: TextFormat) -> list[str]:
    """Return some cells that could stand without quotes, and are no words for missing."""
    signs = {text_format.separator, text_format.quote, "\n", "\r"}
    cells = (each.as_py() for each in pc.unique(write_values(texts[:_SAMPLED_ROWS])))
    known = {*MISSING_WORDS, *PANDAS_WORDS}
    found = [cell for cell in cells if len(cell) <= _LONGEST_SAMPLE and cell.strip() not in known]
    return [cell for cell in found if not signs & set(cell)][:_SAMPLES]


def find_unquoted(read: Read, guesses: Sequence[Guess], first: set[str]) -> None:
    """Count the words that stand without quotes, and find the columns of which other cells do.

    Arrow does not say which cells had quotes, but it can make nulls of given words that have none: so the file is read
    side by side, once with such nulls, and once without.
    """
    words = dict.fromkeys(cell for guess in guesses for cell in guess.seen.cells)
    characters = 0
    for guess in sorted(guesses, key=lambda each: each.name not in first):
        size = sum(len(cell.encode()) for cell in guess.seen.samples)
        if characters + size > _SAMPLE_CHARACTERS:
            guess.seen.samples = []
            continue
        characters += size
        words |= dict.fromkeys(guess.seen.samples)
    for batch, marked in zip(read(()), read(tuple(words)), strict=True):
        for guess, texts, nulls in zip(guesses, batch.columns, marked.columns, strict=True):
            if not nulls.null_count or not (guess.seen.cells or guess.seen.samples):
                continue
            counted = pc.value_counts(write_values(texts).filter(pc.is_null(nulls)))
            for cell, count in zip(counted.field(0), counted.field(1), strict=True):
                if cell.as_py() in guess.seen.cells:
                    guess.seen.unquoted[cell.as_py()] += count.as_py()
                else:
                    guess.seen.sampled_unquoted = True
