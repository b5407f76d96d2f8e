"""What a target can be taken for."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from pipeline_worker.errors import DataFault, ParameterInvalid
from pipeline_worker.stages.train.target import describe_target


@pytest.mark.parametrize(
    ("values", "kind", "others"),
    [
        (["a", "b"] * 10, "classification", set()),
        ([True, False] * 10, "classification", set()),
        ([1.5, 2.0, 3.25, 4.0] * 5, "regression", set()),
        ([0, 1] * 10, "classification", {"regression"}),
        (list(range(5)) * 5, "classification", {"regression"}),
        (list(range(5)) * 4, "regression", {"classification"}),
        (list(range(21)) * 9, "regression", {"classification"}),
        (list(range(40)), "regression", set()),
        ([1.0, 2.0] * 10, "classification", {"regression"}),
        ([0.0, 1.0, 2.0] * 10, "classification", {"regression"}),
        ([0.0, 0.5, 1.0] * 10, "regression", set()),
        ([float(number) for number in range(21)] * 9, "regression", {"classification"}),
        ([1e300, 2e300] * 10, "regression", set()),
    ],
)
def test_the_kind_follows_the_documented_rule(values: list[Any], kind: str, others: set[str]) -> None:
    """Text and booleans are classes, fractions a quantity; whole numbers are classes if few, and can be either."""
    target = describe_target(pa.array(values), "y")
    assert target.kind == kind
    assert target.kinds == {kind} | others
    assert target.rule


@pytest.mark.parametrize("kind", [pa.float64(), pa.float32()])
def test_labels_written_with_a_point_are_whole_numbers(kind: pa.DataType) -> None:
    """Of `0.0` and `1.0` a model predicts 0 and 1."""
    target = describe_target(pa.array([0.0, 1.0] * 10, kind), "y")
    assert target.array.dtype == "int64"
    assert target.array[:2].tolist() == [0, 1]


def test_great_whole_numbers_are_not_taken_for_fractions() -> None:
    """Whole numbers that no float can hold are whole nevertheless."""
    target = describe_target(pa.array([2**60 + number for number in range(40)]), "y")
    assert "40 different whole numbers" in target.rule


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        (["a"] * 20, DataFault, "All 20 rows have the same value"),
        (["a", "b", "a"], DataFault, "There are only 3 rows with a target"),
        (["a"], DataFault, "There is only 1 row with a target"),
        (pa.array([], pa.string()), DataFault, "There are only 0 rows with a target"),
        ([f"name {number}" for number in range(20)], ParameterInvalid, "no classes to learn"),
        ([f"name {number}" for number in range(1001)] * 3, ParameterInvalid, "no classes to learn"),
        (pa.array([1, 2, 3, 4], pa.int32()).cast(pa.date32()), ParameterInvalid, "dates or times"),
    ],
)
def test_what_cannot_be_learned_is_refused(values: Any, error: type[Exception], message: str) -> None:
    """One value, too few rows, names and dates are no targets, and the reason is said."""
    with pytest.raises(error, match=message):
        describe_target(values if isinstance(values, pa.Array) else pa.array(values), "y")
