"""Numbers and names as people read them."""

from __future__ import annotations

import math

import pytest

from pipeline_worker.errors import StageError
from pipeline_worker.number_text import write_number
from pipeline_worker.short_name import name_classes, shorten_name, shorten_names


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.97777, "0.978"),
        (0.99962, "0.99962"),
        (0.99999999, "1"),
        (1.0, "1"),
        (0, "0"),
        (-0.0, "0"),
        (0.000123, "0.000123"),
        (2.5249, "2.525"),
        (12.3456, "12.35"),
        (999.96, "1,000"),
        (8033.4, "8,033"),
        (84740.0, "84,740"),
        (-1234567.8, "-1,234,568"),
        (1e20, "1e+20"),
        (math.nan, "-"),
        (None, "-"),
    ],
)
def test_numbers_have_the_digits_that_count(value: object, text: str) -> None:
    """Three or four of them, thousands apart, no exponent in ordinary sizes, and 1 only for what is one."""
    assert write_number(value) == text


def test_names_that_share_a_beginning_and_an_end_stay_different() -> None:
    """The place at which they differ is shown, and what nobody can tell apart is numbered."""
    names = [f"measurement_of_the_sensor_in_room_{number}_of_the_northern_building_in_kelvin" for number in range(20)]
    short = shorten_names(names, 28)
    assert len(set(short)) == 20
    assert max(map(len, short)) <= 28
    assert shorten_names(["a b", "a  b", "c"], 28) == ["a b (1)", "a b (2)", "c"]
    assert shorten_name("x" * 100_000, 10) == "xxxxx…xxxx"


def test_a_long_name_hides_no_message() -> None:
    """In a refusal a name of 100,000 characters is cut, and in a list of classes too."""
    error = StageError(f"`{'n' * 100_000}` is odd.", where=f"column `{'n' * 100_000}`", fix="Rename it.")
    assert len(str(error)) < 250
    assert str(error).startswith("`nnn")
    assert name_classes(["a", 2, "b", "c", "d"]) == "classes 'a', 2, 'b' and 2 more"
    assert len(name_classes(["a" * 1_000])) < 80
