"""How a training is told."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.slow("loads scikit-learn")


def test_a_class_that_was_not_tested_is_in_the_first_line() -> None:
    """A perfect score that says nothing of the rare class says so."""
    from pipeline_worker.stages.train.metrics import Predictions, measure
    from pipeline_worker.stages.train.result import note_result, say_measured

    classes = np.array(["common", "other", "rare"], dtype=object)
    actual = np.repeat(classes[:2], 30)
    scores = np.repeat(np.eye(3)[:2], 30, axis=0)
    learned = np.concatenate([actual, classes])
    measured = measure("classification", learned, actual, Predictions(actual, scores, classes))
    assert (
        say_measured(measured, "60 test rows")
        == "balanced accuracy 1 (baseline 0.5) on 60 test rows, none of them of class 'rare'"
    )
    (note,) = note_result(measured, None)
    assert note.startswith(
        "There is no confidence interval of the balanced accuracy: the test part has 0 rows of class 'rare'"
    )


def test_what_loses_to_the_baseline_says_so_first() -> None:
    """In the line, and in the first note; the metric that was asked for stands for all, or is said to be missing."""
    from pipeline_worker.stages.train.metrics import Predictions, measure
    from pipeline_worker.stages.train.result import collect_tracked, note_result, say_measured

    random = np.random.default_rng(0)
    actual = random.normal(0, 1, 50)
    predicted = Predictions(random.normal(0, 2, 50), None, None)
    measured = measure("regression", actual, actual, predicted, headline="rmse")
    assert say_measured(measured, "50 test rows").startswith("RMSE ")
    assert say_measured(measured, "50 test rows").endswith("on 50 test rows: worse than the baseline")
    assert "worse than the baseline" in note_result(measured, "rmse")[0]
    assert {"rmse_low", "rmse_high", "rmse_lead_low", "rmse_lead_high", "baseline_rmse"} <= collect_tracked(
        measured
    ).keys()
    actual[0] = 0
    asked = measure("regression", actual, actual, predicted, headline="mape")
    assert asked.headline == "r2"
    assert (
        "no MAPE: some of its values are zero or nearly so. So the R² stands for all." in note_result(asked, "mape")[1]
    )
