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
from numpy.typing import NDArray
from sklearn.metrics import auc, precision_recall_curve, roc_curve

from .kind import CLASSIFICATION, Kind
from .metrics import Measured, Predictions

_INK, _QUIET, _MODEL, _BASELINE = "#1f2933", "#7b8794", "#1f6f8b", "#c9ced6"
_SHADES = LinearSegmentedColormap.from_list("shades", ["#ffffff", "#d3e7ee", _MODEL])
_DOTS_PER_INCH = 110
_MAX_CLASSES, _MAX_LABELLED, _MAX_BARS = 60, 20, 15


def draw_figures(
    kind: Kind,
    target_name: str,
    actual: NDArray[Any],
    predicted: Predictions,
    measured: Measured,
    importance: Mapping[str, float],
) -> dict[str, bytes]:
    """Return file name → PNG of what suits *kind*: at most three pictures."""
    figures: dict[str, bytes] = {}
    if kind == CLASSIFICATION:
        if len(measured.labels) <= _MAX_CLASSES:
            figures["confusion_matrix.png"] = draw_confusion(measured, target_name)
        if measured.positive is not None and len(np.unique(actual)) == 2:
            figures["curves.png"] = draw_curves(actual, predicted, measured)
    else:
        figures["predictions.png"] = draw_predictions(actual, predicted.labels, target_name)
    if importance:
        figures["importance.png"] = draw_importance(importance, "log loss" if kind == CLASSIFICATION else "RMSE")
    return figures


def draw_confusion(measured: Measured, target_name: str) -> bytes:
    """Return a picture of the rows by actual and predicted class, shaded by their share of the actual class."""
    counts = np.array(measured.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = float(np.clip(1.8 + 0.62 * len(counts), 3.2, 9.0))
    figure, axes = _start(size + 0.9, size)
    axes.imshow(shares, cmap=_SHADES, vmin=0, vmax=1)
    labels = [_shorten(str(label)) for label in measured.labels]
    is_long = max(map(len, labels)) * len(labels) > 30
    axes.set_xticks(range(len(labels)), labels, rotation=45 if is_long else 0, ha="right" if is_long else "center")
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel(f"predicted {_shorten(target_name)}")
    axes.set_ylabel(f"actual {_shorten(target_name)}")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_xticks(np.arange(len(labels) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(labels) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="#e4e7eb", linewidth=1)
    axes.tick_params(which="minor", length=0)
    if len(labels) <= _MAX_LABELLED:
        for (row, column), count in np.ndenumerate(counts):
            color = "white" if shares[row, column] > 0.6 else _INK if count else _BASELINE
            axes.text(column, row, str(count), ha="center", va="center", color=color)
    axes.set_title("Test rows by class")
    return _finish(figure)


def draw_curves(actual: NDArray[Any], predicted: Predictions, measured: Measured) -> bytes:
    """Return a picture of the receiver operating curve, and of precision against recall, for two classes."""
    assert predicted.scores is not None
    assert predicted.classes is not None
    is_positive = actual == measured.positive
    scores = predicted.scores[:, int(np.flatnonzero(predicted.classes == measured.positive)[0])]
    figure = Figure(figsize=(8, 3.7), layout="constrained")
    left, right = figure.subplots(1, 2)
    false, true, _ = roc_curve(is_positive, scores)
    left.plot([0, 1], [0, 1], color=_BASELINE, linewidth=1.5, label="baseline")
    left.plot(false, true, color=_MODEL, linewidth=2, label=f"model, area {auc(false, true):.3f}")
    left.set(xlabel="false positive rate", ylabel="true positive rate", title="ROC")
    precision, recall, _ = precision_recall_curve(is_positive, scores)
    right.axhline(is_positive.mean(), color=_BASELINE, linewidth=1.5, label="baseline")
    average = measured.model["average_precision"]
    right.step(recall, precision, where="post", color=_MODEL, linewidth=2, label=f"model, average {average:.3f}")
    right.set(xlabel="recall", ylabel="precision", title=f"Finding {_shorten(str(measured.positive))!r}")
    for axes in (left, right):
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.04))
        axes.legend(loc="lower right", frameon=False, fontsize=9)
        _clean(axes)
    return _finish(figure)


def draw_predictions(actual: NDArray[Any], predicted: NDArray[Any], target_name: str) -> bytes:
    """Return a picture of predicted against actual values, and of the errors along the predictions."""
    figure = Figure(figsize=(8, 3.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    # Many points hide each other: the more there are, the fainter each is.
    look = {"s": 18, "color": _MODEL, "alpha": float(np.clip(60 / len(actual), 0.08, 0.7)), "linewidths": 0}
    low, high = float(min(actual.min(), predicted.min())), float(max(actual.max(), predicted.max()))
    left.plot([low, high], [low, high], color=_BASELINE, linewidth=1.5, zorder=1)
    left.scatter(actual, predicted, zorder=2, **look)
    name = _shorten(target_name)
    left.set(xlabel=f"actual {name}", ylabel=f"predicted {name}", title="Predicted against actual")
    right.axhline(0, color=_BASELINE, linewidth=1.5, zorder=1)
    right.scatter(predicted, predicted - actual, zorder=2, **look)
    right.set(xlabel=f"predicted {name}", ylabel="predicted less actual", title="Errors")
    for axes in (left, right):
        _clean(axes)
    return _finish(figure)


def draw_importance(importance: Mapping[str, float], error: str) -> bytes:
    """Return a picture of how much the *error* grows when a column is shuffled, for the most important columns."""
    shown = dict(list(importance.items())[:_MAX_BARS])
    figure, axes = _start(5.6, 1.3 + 0.3 * len(shown))
    positions = range(len(shown))[::-1]
    axes.barh(positions, list(shown.values()), color=_MODEL, height=0.62)
    axes.set_yticks(positions, [_shorten(name) for name in shown])
    axes.axvline(0, color=_QUIET, linewidth=1)
    axes.set_xlabel(f"growth of the {error} when the column is shuffled")
    more = len(importance) - len(shown)
    axes.set_title("What the model relies on" + (f" (and {more} columns less)" if more else ""))
    _clean(axes)
    axes.tick_params(axis="y", length=0)
    return _finish(figure)


def _start(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def _clean(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_BASELINE)
    axes.tick_params(colors=_QUIET, labelcolor=_INK)
    axes.grid(color="#eef0f3", linewidth=1)
    axes.set_axisbelow(True)


def _finish(figure: Figure) -> bytes:
    for axes in figure.axes:
        # Names come from the file, where a dollar sign begins no formula.
        axes.title.set(fontsize=11, color=_INK, fontweight="bold", parse_math=False)
        for label in (axes.xaxis.label, axes.yaxis.label):
            label.set(fontsize=10, color=_QUIET, parse_math=False)
        for tick in (*axes.get_xticklabels(), *axes.get_yticklabels()):
            tick.set(fontsize=9, parse_math=False)
    figure.set_dpi(_DOTS_PER_INCH)
    buffer = io.BytesIO()
    # Not `savefig`, which draws a figure of this layout twice.
    FigureCanvasAgg(figure).print_png(buffer)  # type: ignore[no-untyped-call]
    return buffer.getvalue()


def _shorten(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 28 else text[:27] + "…"
