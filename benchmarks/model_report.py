"""What `models.py` has measured, as a table in Markdown: who wins, by how much, and whether the aims of the product are met."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.model_data import CLASSES, DataSet

#: A loss counts if it is larger than this and than one standard error.
LEAST_LOSS = 0.01
_HEAD = """\
# How good the default model is

Written by `benchmarks/models.py`, which says at its top how it is run. Each way learns from the same rows and predicts the same ones, those
of each outer fold in turn. `product` is a CSV file dropped with nothing but `target_column`, and its published model; `plain` a random
forest on the numeric columns, their gaps filled with the median; `boosting` scikit-learn's HistGradientBoosting behind skrub's
TableVectorizer, both with their defaults; `FLAML` an AutoML with {flaml_seconds} s, on the first fold only, with the product's figure there.
Area under the ROC curve for two classes, log loss (less is better) for more, R² for numbers: the mean over the folds ± their standard
deviation. Seconds are CPU seconds of one fold, from rows to predictions: those of the product include reading the file, measuring and the refit.

"""


@dataclass(frozen=True)
class Figures:
    """The folds of one way on one data set: file name's number → what was measured."""

    folds: Mapping[int, Mapping[str, Any]]
    metric: str

    def list_scores(self, numbers: Sequence[int]) -> list[float]:
        """Return the metric of the folds called *numbers*, so that more is better."""
        sign = -1 if self.metric == "log_loss" else 1
        return [sign * self.folds[number][self.metric] for number in numbers]

    def mean(self, name: str) -> float:
        """Return the mean of a figure over all folds."""
        return statistics.mean(float(fold[name]) for fold in self.folds.values())

    def __str__(self) -> str:
        spread = statistics.pstdev(fold[self.metric] for fold in self.folds.values())
        return f"{self.mean(self.metric):.3f} ± {spread:.3f}"


def write_report(data_sets: Sequence[DataSet], kept: Path, target: Path, flaml_seconds: int) -> None:
    """Write the figures in the folder *kept* to *target*; a data set without all of them is left out."""
    rows, losses = [], []
    for data_set in data_sets:
        ways = {way: _read(data_set, way, kept) for way in ("product", "plain", "boosting", "flaml")}
        if any(len(ways[way].folds) < data_set.folds for way in ("product", "plain", "boosting")):
            continue
        rows.append(_write_row(data_set, ways))
        losses += _find_losses(data_set, ways)
    names = (
        "data set",
        "from",
        "metric",
        "product",
        "plain",
        "boosting",
        "FLAML (product)",
        "chosen",
        "CPU s product / plain / boosting",
    )
    table = [names, ["---"] * len(names), *rows]
    text = _HEAD.format(flaml_seconds=flaml_seconds) + "".join(f"| {' | '.join(row)} |\n" for row in table)
    text += f"\n{len(rows)} data sets. The product loses by more than {LEAST_LOSS} and more than one standard error of the difference:\n\n"
    text += "".join(f"- {loss}\n" for loss in losses) or "- nowhere\n"
    target.write_text(text, encoding="utf-8")


def _read(data_set: DataSet, way: str, kept: Path) -> Figures:
    folds = {
        int(path.name.split(".")[2]): json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(kept.glob(f"{data_set.name}.{way}.*.json"))
    }
    classes = next((fold["classes"] for fold in folds.values()), 0)
    metric = "r2" if data_set.kind != CLASSES else "roc_auc" if classes == 2 else "log_loss"
    return Figures(folds, metric)


def _write_row(data_set: DataSet, ways: Mapping[str, Figures]) -> list[str]:
    product, flaml = ways["product"], ways["flaml"]
    beside = f"{flaml.mean(flaml.metric):.3f} ({product.folds[0][product.metric]:.3f})" if flaml.folds else ""
    chosen = [str(fold["chosen"]) for fold in product.folds.values()]
    seconds = " / ".join(f"{ways[way].mean('cpu_seconds'):.1f}" for way in ("product", "plain", "boosting"))
    metric = product.metric.replace("_", " ")
    listed = "; ".join(f"{chosen.count(name)} of {name}" for name in dict.fromkeys(chosen))
    return [
        data_set.name,
        data_set.origin,
        metric,
        *(str(ways[way]) for way in ("product", "plain", "boosting")),
        beside,
        listed,
        seconds,
    ]


def _find_losses(data_set: DataSet, ways: Mapping[str, Figures]) -> list[str]:
    """Return a line on each way that the product loses to; on one fold the spread of the product's stands for the error."""
    product, losses = ways["product"], []
    for name, way in ways.items():
        numbers = sorted(way.folds)
        if way is product or not numbers:
            continue
        pairs = zip(way.list_scores(numbers), product.list_scores(numbers), strict=True)
        differences = [other - ours for other, ours in pairs]
        loss = statistics.mean(differences)
        spread = differences if len(differences) > 1 else product.list_scores(sorted(product.folds))
        error = statistics.stdev(spread) / math.sqrt(len(numbers))
        if loss > max(LEAST_LOSS, error):
            why = f" ({data_set.why})" if data_set.why else ""
            losses.append(f"{data_set.name}, to {name}: by {loss:.3f}, where the standard error is {error:.3f}{why}")
    return losses
