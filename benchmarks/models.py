"""How good the model is that comes of a dropped file without a line of settings, beside what else one could do.

    python3 -m venv .state/venvs/benchmarks
    .state/venvs/benchmarks/bin/pip install --no-deps --require-hashes -r worker/requirements.lock -r benchmarks/models-requirements.lock
    PYTHONPATH=contract/src:worker/src .state/venvs/benchmarks/bin/python -m benchmarks.models                # what was not measured before
    PYTHONPATH=contract/src:worker/src .state/venvs/benchmarks/bin/python -m benchmarks.models --again product   # that way anew, all else kept

The data sets stand in `model_data.py`, the ways in `model_ways.py`. Each way learns from and predicts the same outer folds. Figures are
kept in `.state/benchmarks/models/`, one file for each data set, way and fold, and `models.md` beside this file is written from them.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.model_data import CLASSES, DATA_SETS, DataSet, read_data_set
from benchmarks.model_report import write_report
from benchmarks.model_ways import FLAML_SECONDS, WAYS, Predicted, Rows
from pipeline_worker.stages.train.threads import wait_without_spinning

if TYPE_CHECKING:
    import pandas as pd

HERE = Path(__file__).parent
KEPT = HERE.parent / ".state" / "benchmarks" / "models"
#: FLAML is slow: it is tried on these alone, and on the first outer fold only.
FLAML_SETS = ("breast_cancer", "anes96", "seattle_weather", "cars", "churn", "houses", "large", "rare")


def main() -> int:
    """Measure what is asked for and was not measured before, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="*", choices=[each.name for each in DATA_SETS], help="only these")
    parser.add_argument("--ways", nargs="*", choices=WAYS, default=[*WAYS], help="only these")
    parser.add_argument("--again", nargs="*", choices=WAYS, default=[], help="measure these anew")
    parser.add_argument("--seconds", type=float, default=math.inf, help="begin nothing new after so long")
    options = parser.parse_args()
    wait_without_spinning()
    KEPT.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + options.seconds
    chosen = [each for each in DATA_SETS if not options.sets or each.name in options.sets]
    for data_set in chosen:
        for way in options.ways:
            for path in KEPT.glob(f"{data_set.name}.{way}.*.json") if way in options.again else ():
                path.unlink()
    for data_set in chosen:
        for way, fold in list_missing(data_set, options.ways):
            if time.monotonic() < end:
                measure_fold(data_set, way, fold)
    write_report(DATA_SETS, KEPT, HERE / "models.md", FLAML_SECONDS)
    return 0


def list_missing(data_set: DataSet, ways: list[str]) -> list[tuple[str, int]]:
    """Return the ways and folds of which nothing is kept."""
    wanted = []
    for way in ways:
        folds = data_set.folds
        if way == "flaml":
            folds = 1 if data_set.name in FLAML_SETS else 0
        wanted += [(way, fold) for fold in range(folds)]
    return [(way, fold) for way, fold in wanted if not find_kept(data_set, way, fold).exists()]


def find_kept(data_set: DataSet, way: str, fold: int) -> Path:
    """Return where the figures of one measurement are."""
    return KEPT / f"{data_set.name}.{way}.{fold}.json"


def measure_fold(data_set: DataSet, way: str, fold: int) -> None:
    """Learn from all folds but one, predict that, and keep the figures."""
    features, target = read_data_set(data_set)
    learned, tested = list(split(data_set, features, target))[fold]
    rows = Rows(data_set.kind, features.iloc[learned], target.iloc[learned], features.iloc[tested])
    wall, cpu = time.monotonic(), time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        predicted = WAYS[way](rows)
    figures = score(data_set.kind, target.iloc[tested], predicted) | {
        "wall_seconds": round(time.monotonic() - wall, 3),
        "cpu_seconds": round(time.process_time() - cpu, 3),
        "chosen": predicted.chosen,
        "classes": len(predicted.classes),
    }
    find_kept(data_set, way, fold).write_text(json.dumps(figures, indent=1), encoding="utf-8")
    said = ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else str(value) for name, value in figures.items()
    )
    print(f"{data_set.name} {way} {fold}: {said}", file=sys.stderr, flush=True)


def split(data_set: DataSet, features: pd.DataFrame, target: pd.Series) -> Iterator[tuple[Any, Any]]:
    """Return positions to learn from and to test on, the same for each way."""
    from sklearn.model_selection import KFold, StratifiedKFold

    folds = (StratifiedKFold if data_set.kind == CLASSES else KFold)(data_set.folds, shuffle=True, random_state=0)
    return iter(folds.split(features, target))


def score(kind: str, actual: pd.Series, predicted: Predicted) -> dict[str, float]:
    """Return the figures by which ways are compared."""
    import numpy as np
    from sklearn import metrics

    if kind != CLASSES:
        return {"r2": metrics.r2_score(actual, predicted.labels)}
    assert predicted.scores is not None
    labels, classes = actual.astype(str), predicted.classes
    figures = {
        "accuracy": metrics.accuracy_score(labels, predicted.labels),
        "balanced_accuracy": metrics.balanced_accuracy_score(labels, predicted.labels),
        "log_loss": metrics.log_loss(labels, predicted.scores, labels=classes),
    }
    areas = [
        metrics.roc_auc_score(labels == label, predicted.scores[:, place])
        for place, label in enumerate(classes)
        if 0 < (labels == label).sum() < len(labels)
    ]
    return figures | {"roc_auc": float(np.mean(areas))}


if __name__ == "__main__":
    sys.exit(main())
