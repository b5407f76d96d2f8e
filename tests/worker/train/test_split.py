"""The train part and the test part."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline_worker.errors import DataFault, ParameterInvalid
from pipeline_worker.stages.train.kind import CLASSIFICATION, REGRESSION
from pipeline_worker.stages.train.split import share_out, split_rows


@pytest.mark.parametrize("kind", [CLASSIFICATION, REGRESSION])
def test_each_row_is_in_exactly_one_part(kind: str) -> None:
    """The parts do not overlap, together are all rows, and have the sizes that were asked for."""
    target = np.array(["a", "b", "c"] * 30, dtype=object) if kind == CLASSIFICATION else np.arange(90.0)
    split = split_rows(target, kind, 0.2, 42)  # type: ignore[arg-type]
    assert sorted([*split.train, *split.test]) == list(range(90))
    assert len(split.test) == 18


@pytest.mark.parametrize("kind", [CLASSIFICATION, REGRESSION])
def test_a_row_is_tested_however_small_the_share(kind: str) -> None:
    """Without any row nothing could be measured."""
    split = split_rows(np.array([0, 1] * 30), kind, 1e-9, 42)  # type: ignore[arg-type]
    assert (len(split.test), len(split.train)) == (1, 59)


def test_the_same_seed_gives_the_same_split_and_another_another() -> None:
    """A split can be repeated."""
    target = np.arange(100.0)
    first, second, other = (split_rows(target, REGRESSION, 0.2, seed) for seed in (1, 1, 2))
    assert (first.test == second.test).all()
    assert (first.test != other.test).any()


def test_classes_keep_their_shares() -> None:
    """Each class has its share of the test part, to within a row."""
    target = np.array(["a"] * 60 + ["b"] * 30 + ["c"] * 10, dtype=object)
    split = split_rows(target, CLASSIFICATION, 0.2, 0)
    assert split.is_stratified
    assert {label: int((target[split.test] == label).sum()) for label in "abc"} == {"a": 12, "b": 6, "c": 2}


def test_a_class_with_one_row_is_learned_and_that_is_said() -> None:
    """The test part never has a class that the train part lacks."""
    target = np.array(["a"] * 20 + ["b"] * 20 + ["rare"], dtype=object)
    split = split_rows(target, CLASSIFICATION, 0.5, 0)
    assert "rare" in target[split.train]
    assert "rare" not in target[split.test]


def test_a_test_part_that_would_take_all_of_a_class_is_made_smaller() -> None:
    """Every class keeps a row to learn from, even if the test part gets fewer rows than asked for."""
    target = np.array(["a", "a", "b", "b"], dtype=object)
    split = split_rows(target, CLASSIFICATION, 0.7, 0)
    assert sorted(target[split.train]) == ["a", "b"]
    assert "2 rows instead of 3" in split.notes[0]


@pytest.mark.parametrize(("counts", "wanted"), [([5, 5, 5], 4), ([100, 1, 1], 30), ([7, 2, 3], 12), ([1, 1], 1)])
def test_sharing_out_never_takes_a_whole_class(counts: list[int], wanted: int) -> None:
    """At least one row of each class is left, and never more is taken than wanted."""
    taken = share_out(np.array(counts), wanted)
    assert (taken < np.array(counts)).all()
    assert taken.sum() == min(wanted, sum(counts) - len(counts))


def test_a_split_without_rows_to_learn_from_is_refused() -> None:
    """`test_size` must leave rows to learn from, and classes with two rows to test."""
    with pytest.raises(ParameterInvalid, match="leaves none to learn from") as raised:
        split_rows(np.arange(10.0), REGRESSION, 0.95, 0)
    assert raised.value.fix == "Give a smaller number, such as 0.2, or add rows."
    with pytest.raises(DataFault, match="No class has two rows"):
        split_rows(np.array(["a", "b", "c", "d"], dtype=object), CLASSIFICATION, 0.2, 0)
