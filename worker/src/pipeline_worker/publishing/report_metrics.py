"""The part of `report.html` on how good a model is."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape
from typing import Any

from .markup import show, show_count, show_number, write_table

_MAX_CLASSES = 60
_WORDS = {
    "roc_auc": "ROC AUC",
    "f1_macro": "F1, mean of the classes",
    "f1_weighted": "F1, weighted by rows",
    "mse": "MSE",
    "rmse": "RMSE",
    "mae": "MAE",
    "median_ae": "median absolute error",
    "r2": "R²",
    "mape": "MAPE",
}
_CAPTIONS = {
    "confusion_matrix": "Rows of the test part by their actual and predicted class.",
    "curves": "How well the two classes are told apart, at every threshold.",
    "predictions": "Predicted and actual values of the test part, and the errors.",
    "importance": "Each column shuffled in the test part: the more the error grows, the more the model relies on it.",
}


#: Figures that are two pictures side by side.
_BROAD = {"curves", "predictions"}
#: The order in which figures fill the page.
_ORDER = ("predictions", "confusion_matrix", "importance", "curves")


def write_metrics(metrics: Mapping[str, Any]) -> str:
    """Return the metrics beside the baseline's, and those of each class, from the content of `metrics.json`."""
    model, baseline = metrics.get("model", {}), metrics.get("baseline", {})
    less = set(metrics.get("less_is_better", []))
    rows = [
        [
            f"{escape(say_metric(name))}{' <small>less is better</small>' if name in less else ''}",
            f"<b>{show_number(value)}</b>",
            show_number(baseline.get(name)),
        ]
        for name, value in model.items()
    ]
    note = "the share of each class" if metrics.get("kind") == "classification" else "the mean"
    positive = metrics.get("positive_class")
    about = f" Average precision is about the class <b>{show(positive)}</b>." if positive is not None else ""
    tables = write_table(["on the test part", "model", "baseline"], rows, numbers={1, 2}) + _write_classes(metrics)
    return (
        f"<div class=beside>{tables}</div><p class=quiet>The baseline knows nothing of the features, and always predicts {note}. "
        f"The model that was measured is the one that is published: it has never seen the test part.{about}</p>"
    )


def write_figures(figures: Mapping[str, bytes]) -> str:
    """Return the pictures *figures*, by name, inside the page."""
    pictures = "".join(
        f'<figure class="{"broad" if name in _BROAD else "half"}"><img alt="{escape(name.replace("_", " "))}" '
        f'src="data:image/png;base64,{base64.b64encode(content).decode()}">'
        f"<figcaption>{escape(_CAPTIONS.get(name, ''))}</figcaption></figure>"
        for name, content in sorted(figures.items(), key=_rank)
    )
    return f"<div class=figures>{pictures}</div>" if pictures else ""


def _write_classes(metrics: Mapping[str, Any]) -> str:
    classes = metrics.get("per_class") or {}
    rows = [
        [
            show(label),
            *(show_number(values.get(name)) for name in ("precision", "recall", "f1")),
            show_count(values.get("rows")),
        ]
        for label, values in list(classes.items())[:_MAX_CLASSES]
    ]
    return write_table(["class", "precision", "recall", "F1", "test rows"], rows, numbers={1, 2, 3, 4}) if rows else ""


def say_metric(name: str) -> str:
    """Return a metric's name as people write it."""
    return _WORDS.get(name, name.replace("_", " "))


def _rank(figure: tuple[str, bytes]) -> int:
    return _ORDER.index(figure[0]) if figure[0] in _ORDER else len(_ORDER)
