"""Equal rows: how many there are, and where they are copies."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.slow("loads pandas")

ROWS = 300


@pytest.mark.parametrize("positions", ["some twice", "all twice", "all five times", "drawn", "one class drawn"])
def test_rows_with_values_that_hardly_repeat_are_copies(positions: str) -> None:
    """However they came to be there several times: pasted, or drawn to make a class as frequent as another."""
    import pandas as pd

    from pipeline_worker.stages.train.equal_rows import find_equal_rows

    random = np.random.default_rng(0)
    features = pd.DataFrame({"word": random.choice(list("xyz"), ROWS), "value": random.normal(size=ROWS)})
    target = np.where(np.arange(ROWS) < 20, "rare", "usual").astype(object)
    taken = {
        "some twice": np.r_[0:ROWS, 0:30],
        "all twice": np.tile(np.arange(ROWS), 2),
        "all five times": np.tile(np.arange(ROWS), 5),
        "drawn": random.integers(0, ROWS, ROWS),
        "one class drawn": np.r_[0:ROWS, random.integers(0, 20, ROWS - 40)],
    }[positions]
    found = find_equal_rows(features.iloc[taken].reset_index(drop=True), target[taken])
    assert found.telling == "value"
    assert found.repeated == len(taken) - len(set(taken))
    assert len(set(zip(found.numbers, taken, strict=True))) == len(set(taken)) == len(set(found.numbers))


@pytest.mark.parametrize("table", ["categories", "determined", "balanced", "rounded", "products"])
def test_rows_with_few_things_to_be_are_equal_by_chance(table: str) -> None:
    """Also where one column determines all others, the target too."""
    import pandas as pd

    from pipeline_worker.stages.train.equal_rows import find_equal_rows

    random = np.random.default_rng(0)
    kind, number = random.integers(0, 3, ROWS), random.integers(0, 40, ROWS)
    features, target = {
        "categories": (pd.DataFrame({"kind": kind}), random.integers(0, 2, ROWS)),
        "determined": (pd.DataFrame({"kind": kind, "same": kind * 1.5}), kind == 1),
        "balanced": (pd.DataFrame({"kind": np.arange(ROWS) % 3}), np.arange(ROWS) % 3),
        "rounded": (pd.DataFrame({"value": random.normal(size=ROWS).round(1)}), np.zeros(ROWS)),
        "products": (pd.DataFrame({"product": number, "price": number * 1.37}), number % 3),
    }[table]
    found = find_equal_rows(features, target)
    assert found.repeated > ROWS / 2
    assert not found.are_copies


def test_a_missing_value_is_equal_to_another_and_the_target_counts() -> None:
    """Rows that differ in the target alone are not equal."""
    import pandas as pd

    from pipeline_worker.stages.train.equal_rows import find_equal_rows

    features = pd.DataFrame({"a": [None, None, "x", "x"], "b": [1.0, 1.0, np.nan, np.nan]})
    assert find_equal_rows(features, np.array(["p", "p", "p", "q"], dtype=object)).repeated == 1
