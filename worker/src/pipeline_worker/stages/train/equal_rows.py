"""Rows that are equal in all features and the target: how many, and whether chance explains them.

Of a model that is tested on copies of what it learned nothing can be believed. Where rows are equal because there are few
things that they could be, though, keeping them together means to test on what was never seen: with three categories, an area
under the curve of 0.05 instead of 0.73.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from .folds import Rows

#: Where no two values of a column were seen to be equal by chance, this many may have been missed.
_MISSED = 3
#: Below this, that nothing repeats says nothing.
_MIN_DIFFERENT = 20


@dataclass(frozen=True)
class EqualRows:
    """The rows by what they are equal to.

    :param numbers: for each row the number that equal rows share.
    :param repeated: how many rows are equal to an earlier one.
    :param telling: the column whose values hardly repeat otherwise, so that equal rows are copies; None without one.
    """

    numbers: Rows
    repeated: int
    telling: str | None = None

    @property
    def are_copies(self) -> bool:
        """Whether chance cannot explain them."""
        return self.telling is not None

    def say(self, *, are_kept_together: bool) -> tuple[str, ...]:
        """Return what a person should know; nothing where no rows are equal."""
        if not self.repeated:
            return ()
        what = (
            f"{self.repeated:,} of {len(self.numbers):,} rows {'is' if self.repeated == 1 else 'are'} equal to an earlier one in "
            "all features and the target"
        )
        if self.telling is None:
            return (
                f"{what}. Where columns have few different values chance can explain that, so nothing has to be done: the rows were split like all others.",
            )
        copies = f"{what}. They are copies, as the values of `{self.telling}` hardly repeat otherwise"
        if are_kept_together:
            return (f"{copies}; they were kept with the row that they equal, so that none is both learned and tested.",)
        return (f"{copies}; to count each once, take them out of the file.",)


def find_equal_rows(features: pd.DataFrame, target: NDArray[Any]) -> EqualRows:
    """Return which rows are equal; missing values are equal to each other."""
    labels = pd.util.hash_pandas_object(pd.Series(target), index=False).to_numpy()
    # A row's hash is made of those of its values; the target's is mixed in by an odd factor, modulo 2**64.
    hashes = pd.util.hash_pandas_object(features, index=False).to_numpy() * np.uint64(0x9E3779B97F4A7C15) + labels
    _, first, numbers, counts = np.unique(hashes, return_index=True, return_inverse=True, return_counts=True)
    repeated = len(features) - len(first)
    if not repeated:
        return EqualRows(numbers, 0)
    return EqualRows(numbers, repeated, telling=_find_telling(features, first, counts))


def _find_telling(features: pd.DataFrame, first: Rows, counts: Rows) -> str | None:
    """Return the column that shows that chance cannot explain so many equal rows.

    Equal rows have equal values in each column. Of a column it is seen from the different rows how often two values are equal
    by chance: what is expected of that for all rows, no more pairs of equal rows can come from. Where most rows are equal to another,
    this alone would take each category that determines all others for such a column; chance then repeats some rows
    far more often than others, and a file that was pasted together repeats all alike.

    :param first: positions of the different rows.
    :param counts: how often each of them is there.
    """
    different, rows = len(first), counts.sum()
    is_even = different >= _MIN_DIFFERENT and counts.var() < counts.mean() / 2
    if different < rows / 2 and not is_even:
        return None
    found = _count_pairs(counts) / _count_pairs(np.array([rows]))
    for name in features:
        values = features[name].iloc[first]
        by_chance = _count_pairs(values.value_counts(dropna=False).to_numpy())
        if found > (by_chance + _MISSED) / max(1, _count_pairs(np.array([different]))):
            return str(name)
    return None


def _count_pairs(counts: Rows) -> float:
    numbers = counts.astype(float)
    return float((numbers * (numbers - 1) / 2).sum())
