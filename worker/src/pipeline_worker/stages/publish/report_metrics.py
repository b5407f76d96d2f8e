"""The part of `report.html` on how good a model is."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape
from typing import Any

from ...number_text import write_number
from ...short_name import name_classes
from ..train.metric_table import METRICS
from .markup import show, show_count, show_name, write_table

_MAX_CLASSES = 60
#: In the order in which figures fill the page.
_CAPTIONS = {
    "predictions": "Predicted and actual values of the test part, and the errors.",
    "confusion_matrix": "Rows of the test part by their actual and predicted class.",
    "importance": "Each column shuffled in the test part: the more the error grows, the more the model relies on it.",
    "curves": "How well the two classes are told apart, at every threshold.",
    "calibration": "How often rows are of the class that the model gives them a probability for, and how many are given it.",
}
#: Figures that are two pictures side by side.
_BROAD = {"curves", "predictions"}
#: The matrix of more classes needs the whole page.
_MOST_HALF = 12


def make_tile(metrics: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return name, value and what belongs to it of the metric that stands for all, not escaped."""
    name = str(metrics.get("headline"))
    bounds = _say_bounds(metrics)
    parts = [f"{bounds};"] * bool(bounds) + [f"baseline {write_number(metrics.get('baseline', {}).get(name))}"]
    doubt = "" if _is_better(metrics) else f": {metrics.get('against_baseline')}"
    return say_metric(name), write_number(metrics.get("model", {}).get(name)), " ".join(parts) + doubt


def write_metrics(metrics: Mapping[str, Any], trained: Mapping[str, Any]) -> str:
    """Return the metrics beside the baseline's, and those of each class.

    :param metrics: the content of `metrics.json`.
    :param trained: the facts of `train`.
    """
    model, baseline = metrics.get("model", {}), metrics.get("baseline", {})
    less_is_better = [name for name, metric in METRICS.items() if metric.less_is_better]
    # What does not beat the baseline is nothing to be proud of, whatever else may be better.
    is_better = _is_better(metrics)
    rows = [
        [
            escape(say_metric(name)) + (" <small>less is better</small>" if name in less_is_better else ""),
            f"<b>{write_number(value)}</b>"
            if is_better and _beats(name, value, baseline.get(name))
            else write_number(value),
            write_number(baseline.get(name)),
        ]
        for name, value in model.items()
    ]
    note = "the share of each class" if metrics.get("kind") == "classification" else "the mean"
    positive = metrics.get("positive_class")
    about = (
        f" Precision, recall, F1, ROC AUC and average precision are about the class <b>{show_name(positive)}</b>."
        if positive is not None
        else ""
    )
    published = (
        "what is published is the same model, fitted anew on all rows"
        if trained.get("fitted_on") == "all rows"
        else "it is the one that is published"
    )
    tables = write_table(["on the test part", "model", "baseline"], rows, numbers={1, 2}) + _write_classes(metrics)
    return (
        f"{_write_verdict(metrics)}<div class=beside>{tables}</div><p class=quiet>The baseline knows nothing of the features, and "
        f"always predicts {note}.{' Values in bold are better than its own.' if is_better else ''} The model that was measured has never seen the test part; "
        f"{published}.{about}</p>"
    )


def write_choice(metrics: Mapping[str, Any]) -> str:
    """Return the models that were compared, the one that was taken first; nothing where one was asked for."""
    choice = metrics.get("choice") or {}
    compared = choice.get("candidates") or []
    if not compared:
        return ""
    rows = [
        [
            show(f"{each.get('model')}{', ' if each.get('character') else ''}{each.get('character', '')}"),
            f"{write_number(each.get('score'))} ± {write_number(each.get('spread'))}",
            f"{each.get('seconds', 0):.1f} s",
        ]
        for each in compared
    ]
    head = f"{say_metric(str(choice.get('metric')))} in {choice.get('folds')} folds of {show_count(choice.get('rows'))} rows"
    return write_table(["compared, the best first", head, "took"], rows, numbers={1, 2})


def write_figures(figures: Mapping[str, bytes], metrics: Mapping[str, Any]) -> str:
    """Return the pictures *figures*, by name, inside the page."""
    # One of an earlier version, which has no caption any more, comes last.
    names = [*(name for name in _CAPTIONS if name in figures), *(name for name in figures if name not in _CAPTIONS)]
    wide = _BROAD | ({"confusion_matrix"} if len(metrics.get("per_class") or ()) > _MOST_HALF else set())
    pictures = "".join(
        f'<figure class="{"broad" if name in _BROAD else "whole" if name in wide else "half"}"><img alt="{escape(name.replace("_", " "))}" '
        f'src="data:image/png;base64,{base64.b64encode(figures[name]).decode()}">'
        f"<figcaption>{escape(_CAPTIONS.get(name, ''))}</figcaption></figure>"
        for name in names
    )
    return f"<div class=figures>{pictures}</div>" if pictures else ""


def _write_verdict(metrics: Mapping[str, Any]) -> str:
    """Return what the metric that stands for all says, how far chance may have moved it, and what it does not speak of."""
    word = escape(say_metric(str(metrics.get("headline"))))
    verdict = escape(str(metrics.get("against_baseline", "")))
    interval, untested = metrics.get("interval", {}), metrics.get("untested_classes") or []
    parts = [f"By its {word} the model is {verdict if _is_better(metrics) else f'<b>{verdict}</b>'}."] * bool(verdict)
    if bounds := _say_bounds(metrics):
        lead = " to ".join(write_number(interval.get(name)) for name in ("lead_low", "lead_high"))
        parts.append(
            f"The {word} of 95 of 100 such test parts would be within {bounds}, and better than the baseline's by {lead}."
        )
    elif why := interval.get("why_none"):
        parts.append(f"There is no confidence interval of it: {show(why)}.")
    if untested:
        parts.append(f"No row of {show(name_classes(untested))} was tested.")
    return f"<p>{' '.join(parts)}</p>" if parts else ""


def _say_bounds(metrics: Mapping[str, Any]) -> str:
    interval = metrics.get("interval", {})
    return f"{write_number(interval['low'])} to {write_number(interval['high'])}" if "low" in interval else ""


def _is_better(metrics: Mapping[str, Any]) -> bool:
    return str(metrics.get("against_baseline", "better")).startswith("better")


def _beats(name: str, value: Any, baseline: Any) -> bool:
    numbers = isinstance(value, int | float) and isinstance(baseline, int | float)
    return numbers and name in METRICS and METRICS[name].is_better(value, baseline)


def _write_classes(metrics: Mapping[str, Any]) -> str:
    classes = metrics.get("per_class") or {}
    rows = [
        [
            show_name(label),
            *(write_number(values.get(name)) for name in ("precision", "recall", "f1")),
            show_count(values.get("rows")),
        ]
        for label, values in list(classes.items())[:_MAX_CLASSES]
    ]
    return write_table(["class", "precision", "recall", "F1", "test rows"], rows, numbers={1, 2, 3, 4}) if rows else ""


def say_metric(name: str) -> str:
    """Return a metric's name as people write it; one of an earlier version may be in no table any more."""
    return METRICS[name].word if name in METRICS else name.replace("_", " ")
