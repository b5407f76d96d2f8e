"""The figures."""

from __future__ import annotations

import io

import numpy as np
import pytest

from pipeline_worker.stages.train.kind import CLASSIFICATION, REGRESSION

pytestmark = pytest.mark.slow("loads Matplotlib")


def size_of(content: bytes) -> tuple[int, ...]:
    import matplotlib.image

    return matplotlib.image.imread(io.BytesIO(content), format="png").shape


@pytest.mark.parametrize("count", [2, 3, 25, 70])
def test_classes_have_a_matrix_and_two_of_them_curves(count: int) -> None:
    """Any number of classes is drawn; the matrix of more than sixty could not be read."""
    from pipeline_worker.stages.train.figures import draw_figures
    from pipeline_worker.stages.train.metrics import Predictions, measure

    classes = np.array([f"class {number:02d} with $odd_{{ name" for number in range(count)], dtype=object)
    actual = np.tile(classes, 4)
    scores = np.random.default_rng(0).dirichlet(np.ones(count), len(actual))
    predicted = Predictions(classes[scores.argmax(axis=1)], scores, classes)
    measured = measure(CLASSIFICATION, actual, actual, predicted)
    importance = {f"column $x_{number}$ of a very long name indeed": 1.0 / (number + 1) for number in range(30)}
    figures = draw_figures(CLASSIFICATION, "the $target^", actual, predicted, measured, importance)
    assert set(figures) == (
        {"importance.png"}
        | ({"confusion_matrix.png"} if count <= 60 else set())
        | ({"curves.png", "calibration.png"} if count == 2 else set())
    )
    assert all(size_of(content)[0] > 200 for content in figures.values())


@pytest.mark.parametrize("rows", [1, 3, 5000])
def test_quantities_have_predictions_and_errors(rows: int) -> None:
    """From a single row to thousands, predicted and actual values are drawn."""
    from pipeline_worker.stages.train.figures import draw_figures
    from pipeline_worker.stages.train.metrics import Predictions, measure

    random = np.random.default_rng(0)
    actual = random.normal(size=rows)
    predicted = Predictions(actual + random.normal(size=rows), None, None)
    figures = draw_figures(REGRESSION, "y", actual, predicted, measure(REGRESSION, actual, actual, predicted), {})
    assert set(figures) == {"predictions.png"}
    assert size_of(figures["predictions.png"])[1] > 600


def test_drawing_twice_gives_the_same_picture() -> None:
    """Figures of a repeated training are equal."""
    from pipeline_worker.stages.train.figures import draw_figures
    from pipeline_worker.stages.train.metrics import Predictions, measure

    actual = np.arange(9.0)
    predicted = Predictions(actual[::-1], None, None)
    measured = measure(REGRESSION, actual, actual, predicted)
    first, second = (draw_figures(REGRESSION, "y", actual, predicted, measured, {"a": 1.0}) for _ in range(2))
    assert first == second


def test_names_in_any_script_are_drawn_without_a_warning() -> None:
    """What no font has is a box, with a number where that leaves names alike; long names keep what tells them apart."""
    from pipeline_worker.stages.train.figure_text import fit_names
    from pipeline_worker.stages.train.figures import draw_importance

    # Of no font in the list: private characters.
    names = ["\ue000\ue001", "\ue002\ue003", "価格 😀", f"{'x' * 200}1", f"{'x' * 200}2", "y" * 100_000]
    assert draw_importance(dict.fromkeys(names, 1.0), "log loss").startswith(b"\x89PNG")
    fitted = fit_names(names)
    assert fitted[:2] == ["□□ (1)", "□□ (2)"]
    assert len(set(fitted)) == len(names)
    assert max(map(len, fitted)) <= 28


@pytest.mark.parametrize("rows", [12, 3_000])
def test_probabilities_are_held_against_what_happened(rows: int) -> None:
    """The calibration of a few rows and of many is drawn."""
    from pipeline_worker.stages.train.figures import draw_calibration
    from pipeline_worker.stages.train.metrics import Predictions, measure

    shares = np.linspace(0, 1, rows)
    actual = np.where(np.arange(rows) % 3 == 0, "yes", "no").astype(object)
    classes = np.array(["no", "yes"], dtype=object)
    scores = np.column_stack([1 - shares, shares])
    predicted = Predictions(classes[scores.argmax(axis=1)], scores, classes)
    measured = measure(CLASSIFICATION, actual, actual, predicted)
    assert size_of(draw_calibration(actual, predicted, measured))[0] > 400
