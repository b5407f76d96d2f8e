"""Cross-validation inside the rows to learn from."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline_worker.stages.train.folds import make_folds
from pipeline_worker.stages.train.kind import CLASSIFICATION, REGRESSION

CLASSES = np.array(["a"] * 50 + ["b"] * 10 + ["rare"] * 2 + ["single"], dtype=object)


@pytest.mark.parametrize("kind", [CLASSIFICATION, REGRESSION])
def test_each_row_is_tested_once_and_learned_in_all_other_folds(kind: str) -> None:
    """The parts of a fold do not overlap, and the test parts together are all rows."""
    target = np.array(["a", "b"] * 30, dtype=object) if kind == CLASSIFICATION else np.arange(60.0)
    folds = make_folds(target, kind, 5, 0)  # type: ignore[arg-type]
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(60))
    assert all(sorted([*fold.train, *fold.test]) == list(range(60)) for fold in folds)
    assert {len(fold.test) for fold in folds} == {12}


def test_the_same_seed_gives_the_same_folds_and_another_others() -> None:
    """Folds can be repeated."""
    first, second, other = (make_folds(np.arange(100.0), REGRESSION, 3, seed)[0].test for seed in (1, 1, 2))
    assert (first == second).all()
    assert len(first) != len(other) or (first != other).any()


def test_classes_keep_their_shares_and_are_learned_where_they_are_tested() -> None:
    """A class with fewer rows than folds is tested in some of them, and one with a single row is learned in all."""
    folds = make_folds(CLASSES, CLASSIFICATION, 5, 0)
    assert all((CLASSES[fold.test] == "a").sum() == 10 for fold in folds)
    assert all((CLASSES[fold.test] == "b").sum() == 2 for fold in folds)
    assert sum((CLASSES[fold.test] == "rare").sum() for fold in folds) == 2
    assert all({"rare", "single"} <= set(CLASSES[fold.train]) for fold in folds)


def test_no_group_is_on_both_sides_of_a_fold() -> None:
    """Groups stay whole, with the classes' shares as even as they allow; a class's only group is always learned."""
    random = np.random.default_rng(0)
    groups = random.integers(0, 40, 400)
    target = np.where(groups == 7, "only in 7", np.where(groups % 4 == 0, "a", "b")).astype(object)
    folds = make_folds(target, CLASSIFICATION, 5, 0, groups=groups * 1_000)
    assert len(folds) == 5
    for fold in folds:
        assert not set(groups[fold.train]) & set(groups[fold.test])
        assert set(target[fold.train]) == {"a", "b", "only in 7"}
        assert 0.15 < (target[fold.test] == "a").mean() < 0.35


def test_a_fold_in_time_learns_all_that_is_earlier_and_nothing_later() -> None:
    """Equal times are not cut apart, rows without a time are learned, and no class is tested that was not learned."""
    times = np.random.default_rng(0).permutation(np.repeat(np.arange(40), 5))
    times[:8] = -1
    target = np.where(times == 39, "new", np.where(np.arange(200) % 2 == 0, "a", "b")).astype(object)
    folds = make_folds(target, CLASSIFICATION, 4, 0, times=times)
    assert [round(len(fold.test) / 10) for fold in folds] == pytest.approx([4, 4, 4, 3], abs=1)
    for fold in folds:
        assert times[fold.train].max() < times[fold.test].min()
        assert (times < times[fold.test].min()).sum() == len(fold.train)
        assert set(range(8)) <= set(fold.train)
        assert "new" not in target[fold.test]
