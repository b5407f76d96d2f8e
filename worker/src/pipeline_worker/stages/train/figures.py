"""Pictures of how a model does on the test part, as PNG; drawn without a display."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, StrMethodFormatter
from numpy.typing import NDArray
from sklearn.metrics import auc, precision_recall_curve, roc_curve

from ...number_text import write_number
from .figure_text import fit_name, fit_names, set_font
from .kind import CLASSIFICATION, Kind
from .metrics import Measured
from .tested import Predictions

_INK, _QUIET, _MODEL, _BASELINE = "#1f2933", "#7b8794", "#1f6f8b", "#c9ced6"
_SHADES = LinearSegmentedColormap.from_list("shades", ["#ffffff", "#d3e7ee", _MODEL])
_DOTS_PER_INCH = 110
_MAX_CLASSES, _MAX_BARS = 60, 15
#: Of more classes the counts in the confusion matrix are too small to be read.
_MAX_COUNTED = 40
_MAX_POINTS = 20_000


def draw_figures(
    kind: Kind,
    target_name: str,
    actual: NDArray[Any],
    predicted: Predictions,
    measured: Measured,
    importance: Mapping[str, float],
) -> dict[str, bytes]:
    """Return file name → PNG of what suits *kind*: at most four pictures."""
    figures: dict[str, bytes] = {}
    if kind == CLASSIFICATION:
        if len(measured.labels) <= _MAX_CLASSES:
            figures["confusion_matrix.png"] = draw_confusion(measured, target_name)
        if measured.positive is not None and len(np.unique(actual)) == 2:
            figures["curves.png"] = draw_curves(actual, predicted, measured)
            figures["calibration.png"] = draw_calibration(actual, predicted, measured)
    else:
        figures["predictions.png"] = draw_predictions(actual, predicted.labels, target_name)
    if importance:
        figures["importance.png"] = draw_importance(importance, "log loss" if kind == CLASSIFICATION else "RMSE")
    return figures


def draw_confusion(measured: Measured, target_name: str) -> bytes:
    """Return a picture of the rows by actual and predicted class, shaded by their share of the actual class."""
    counts = np.array(measured.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    labels = fit_names([str(label) for label in measured.labels])
    longest, digits = max(map(len, labels)), len(str(counts.max()))
    # A cell has room for its number, and of a few classes for its label; the axes have it for all labels.
    cell = 0.17
    letters = 9 if len(labels) <= 12 else 7
    if len(labels) <= _MAX_COUNTED:
        cell = max(0.3, 0.011 * letters * (digits + 1.5))
    if len(labels) <= 6:
        cell = max(cell, 0.62, min(0.0945 * longest + 0.1, 1.1))
    size = max(1.6, cell * len(labels))
    is_turned = 0.0945 * longest > cell
    margin = 0.0945 * longest
    figure, axes = _start(max(size + margin + 0.7, 3.4), max(size + (margin if is_turned else 0.2) + 0.9, 3))
    axes.imshow(shares, cmap=_SHADES, vmin=0, vmax=1)
    axes.set_xticks(range(len(labels)), labels, rotation=90 if is_turned else 0)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel(f"predicted {fit_name(target_name, 20)}")
    axes.set_ylabel(f"actual {fit_name(target_name, 20)}")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_xticks(np.arange(len(labels) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(labels) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="#e4e7eb", linewidth=1)
    axes.tick_params(which="minor", length=0)
    for (row, column), count in np.ndenumerate(counts):
        # Zeros would hide the others where there are many.
        if len(labels) <= _MAX_COUNTED and (count or len(labels) <= 6):
            color = "white" if shares[row, column] > 0.6 else _INK if count else _BASELINE
            axes.text(column, row, str(count), ha="center", va="center", color=color, fontsize=letters)
    axes.set_title("Test rows by class")
    return _finish(figure)


def draw_curves(actual: NDArray[Any], predicted: Predictions, measured: Measured) -> bytes:
    """Return a picture of the receiver operating curve, and of precision against recall, for two classes."""
    is_positive, scores = actual == measured.positive, predicted.scores_of(measured.positive)
    figure, (left, right) = _start(8, 3.7, 1, 2)
    false, true, _ = roc_curve(is_positive, scores)
    left.plot([0, 1], [0, 1], color=_BASELINE, linewidth=1.5, label="baseline")
    left.plot(false, true, color=_MODEL, linewidth=2, label=f"model, area {write_number(auc(false, true))}")
    left.set(xlabel="false positive rate", ylabel="true positive rate", title="ROC")
    precision, recall, _ = precision_recall_curve(is_positive, scores)
    right.axhline(is_positive.mean(), color=_BASELINE, linewidth=1.5, label="baseline")
    average = measured.model["average_precision"]
    right.step(
        recall, precision, where="post", color=_MODEL, linewidth=2, label=f"model, average {write_number(average)}"
    )
    right.set(xlabel="recall", ylabel="precision", title=f"Finding {fit_name(str(measured.positive))!r}")
    for axes in (left, right):
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.04))
        axes.legend(loc="lower right", frameon=False, fontsize=9)
        _clean(axes)
    return _finish(figure)


def draw_calibration(actual: NDArray[Any], predicted: Predictions, measured: Measured) -> bytes:
    """Return a picture of how often rows are positive that are given a probability, and of how many are given it."""
    is_positive, scores = actual == measured.positive, predicted.scores_of(measured.positive)
    bounds = np.linspace(0, 1, 11)
    bins = np.clip(np.digitize(scores, bounds) - 1, 0, 9)
    counts = np.bincount(bins, minlength=10)
    used = counts > 0
    given, found = (np.bincount(bins, each, 10)[used] / counts[used] for each in (scores, is_positive.astype(float)))
    # Twice the standard error, by which chance alone may move a share of so many rows.
    errors = 2 * np.sqrt(given * (1 - given) / counts[used])
    figure, (upper, lower) = _start(5.2, 4.6, 2, 1, sharex=True, height_ratios=(3, 1))
    upper.plot([0, 1], [0, 1], color=_BASELINE, linewidth=1.5, label="as often as said")
    low, high = np.clip(given - errors, 0, 1), np.clip(given + errors, 0, 1)
    upper.vlines(given, low, high, color=_BASELINE, linewidth=5, alpha=0.7, label="within chance")
    upper.plot(given, found, color=_MODEL, linewidth=1.5, marker="o", markersize=5, label="model")
    name = fit_name(str(measured.positive))
    upper.set(ylabel=f"share that is {name!r}", ylim=(-0.03, 1.03), title="Are its probabilities right?")
    upper.legend(loc="upper left", frameon=False, fontsize=9)
    lower.bar(bounds[:-1] + 0.05, counts, width=0.09, color=_MODEL)
    lower.set(xlabel=f"probability of {name!r} by the model", ylabel="test rows", xlim=(-0.02, 1.02))
    lower.set_ylim(0, counts.max() * 1.3)
    lower.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    for place, count in zip(bounds[:-1] + 0.05, counts, strict=True):
        lower.text(place, count, f" {count:,}", ha="center", va="bottom", fontsize=7, color=_QUIET)
    for axes in (upper, lower):
        _clean(axes)
    return _finish(figure)


def draw_predictions(actual: NDArray[Any], predicted: NDArray[Any], target_name: str) -> bytes:
    """Return a picture of predicted against actual values, and of the errors along the predictions."""
    figure, (left, right) = _start(8, 3.9, 1, 2)
    if len(actual) > _MAX_POINTS:
        rows = np.linspace(0, len(actual) - 1, _MAX_POINTS).astype(int)
        actual, predicted = actual[rows], predicted[rows]
    # Many points hide each other: the more there are, the fainter each is.
    look = {"s": 18, "color": _MODEL, "alpha": float(np.clip(60 / len(actual), 0.05, 0.7)), "linewidths": 0}
    low, high = float(min(actual.min(), predicted.min())), float(max(actual.max(), predicted.max()))
    left.plot([low, high], [low, high], color=_BASELINE, linewidth=1.5, zorder=1)
    left.scatter(actual, predicted, zorder=2, **look)
    name = fit_name(target_name)
    left.set(xlabel=f"actual {name}", ylabel=f"predicted {name}", title="Predicted against actual")
    right.axhline(0, color=_BASELINE, linewidth=1.5, zorder=1)
    right.scatter(predicted, predicted - actual, zorder=2, **look)
    right.set(xlabel=f"predicted {name}", ylabel="predicted less actual", title="Errors")
    for axes in (left, right):
        _clean(axes)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda value, _: write_number(value)))
        axes.locator_params(axis="x", nbins=5)
    return _finish(figure)


def draw_importance(importance: Mapping[str, float], error: str) -> bytes:
    """Return a picture of how much the *error* grows when a column is shuffled, for the most important columns."""
    shown = dict(list(importance.items())[:_MAX_BARS])
    figure, axes = _start(6.4, 1.3 + 0.3 * len(shown))
    positions = range(len(shown))[::-1]
    axes.barh(positions, list(shown.values()), color=_MODEL, height=0.62)
    axes.set_yticks(positions, fit_names(list(shown), 40))
    axes.axvline(0, color=_QUIET, linewidth=1)
    # Of the figure, not of the axes, beside which the names may leave little room.
    figure.supxlabel(f"growth of the {error} when the column is shuffled", fontsize=10, color=_QUIET)
    more = len(importance) - len(shown)
    title = "What the model relies on" + (f" (and {more:,} columns less)" if more else "")
    figure.suptitle(title, fontsize=11, color=_INK, fontweight="bold")
    _clean(axes)
    axes.tick_params(axis="y", length=0)
    return _finish(figure)


def _start(width: float, height: float, *shape: int, **options: Any) -> tuple[Figure, Any]:
    """Return a figure, and its axes: one, or as many as *shape* has rows and columns."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(*shape, **options)


def _clean(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_BASELINE)
    axes.tick_params(colors=_QUIET, labelcolor=_INK)
    axes.grid(color="#eef0f3", linewidth=1)
    axes.set_axisbelow(True)


def _finish(figure: Figure) -> bytes:
    for axes in figure.axes:
        axes.title.set(fontsize=11, color=_INK, fontweight="bold")
        for label in (axes.xaxis.label, axes.yaxis.label):
            label.set(fontsize=10, color=_QUIET)
        ticks = [*axes.get_xticklabels(), *axes.get_yticklabels()]
        for tick in ticks:
            tick.set_fontsize(9)
        legend = axes.get_legend()
        for text in (axes.title, axes.xaxis.label, axes.yaxis.label, *ticks, *(legend.get_texts() if legend else ())):
            set_font(text)
    figure.set_dpi(_DOTS_PER_INCH)
    buffer = io.BytesIO()
    # Not `savefig`, which draws a figure of this layout twice.
    FigureCanvasAgg(figure).print_png(buffer)  # type: ignore[no-untyped-call]
    return buffer.getvalue()
