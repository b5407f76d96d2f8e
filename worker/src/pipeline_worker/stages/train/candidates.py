"""Which models are compared where nobody asked for one: a few, which follow from rows, columns and classes alone."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import ParameterInvalid
from .cost import guess_seconds
from .kind import CLASSIFICATION, Kind
from .model_table import AUTO, MODELS, Model
from .models import SEARCHED, new_estimator, refuse_unknown
from .target import Target

#: Rows that candidates are compared on at most: which one is best shows on so many.
MOST_COMPARED = 20_000
#: With fewer rows, a person waits for nothing else: the comparison may take about a second.
FEW_ROWS = 1_000
#: A forest is compared for so many rows to learn from at most.
MOST_OF_FOREST = 50_000
#: With more numbers to a row, boosting is compared, and fitted, with fewer trees.
MANY_COLUMNS = 200
#: Seconds of one core, as guessed, that all candidates together may take.
_SECONDS, _SECONDS_FEW = 12.0, 0.9
#: Where they would take more, they are compared in so few folds, and may take so long: boosting that is left out costs more in
#: what the model is worth (AUC 0.76 for 0.88 on 2,000 rows of 500 columns) than a choice on fewer folds.
_FEWEST_FOLDS, _SECONDS_MOST = 2, 20.0


@dataclass(frozen=True)
class Candidate:
    """A model, and the hyperparameters that it is compared with.

    :param character: what tells it from others of the same model, in a word or two.
    """

    model: Model
    hyperparameters: Mapping[str, Any]
    character: str = ""

    @property
    def name(self) -> str:
        """The model's name, and what is special."""
        return f"{self.model.name}, {self.character}" if self.character else self.model.name


@dataclass(frozen=True)
class Candidates:
    """What is compared, and on how much.

    :param folds: how many there are, also where one model alone is cross-validated.
    :param rows: how many of the rows to learn from are looked at.
    :param why: the kind of the target and the models, and by which rule, in words.
    """

    all: tuple[Candidate, ...]
    folds: int
    rows: int
    why: str


def choose_kind(task: Kind | None, model_name: str, target: Target) -> tuple[Kind, str]:
    """Return what is predicted, and by which rule.

    :raises ParameterInvalid: the task or the model is for targets of the other kind.
    """
    kind = task or (target.kind if model_name == AUTO else MODELS[model_name].kind)
    if kind not in target.kinds:
        fitting = [model.name for model in MODELS.values() if model.kind in target.kinds]
        if task is None:
            what, right = (
                f"`{model_name}` is for {kind}, and `{target.name}` is not",
                f"Use one of {', '.join(fitting)}",
            )
        else:
            what = f"`task` is `{task}`, and `{target.name}` is not for that"
            fits_model = model_name == AUTO or model_name in fitting
            setting = {"task": min(target.kinds)} | ({} if fits_model else {"model_name": AUTO})
            right = f"Give {json.dumps(setting)}"
        raise ParameterInvalid(
            f"{what}: {target.rule}.",
            where="task" if task else "model_name",
            fix=f"{right}, or choose another `target_column`.",
            details={
                "parameter": "task" if task else "model_name",
                "model": task or model_name,
                "target": target.name,
                "fitting": fitting,
            },
        )
    if model_name != AUTO and MODELS[model_name].kind != kind:
        fitting = [model.name for model in MODELS.values() if model.kind == kind]
        other = MODELS[model_name].kind
        raise ParameterInvalid(
            f"`{model_name}` is for {other}, and `task` asks for {kind}.",
            where="model_name",
            fix=f"Use one of {', '.join(fitting)}"
            + (f", or give {json.dumps({'task': other})}." if other in target.kinds else "."),
            details={"parameter": "model_name", "model": model_name, "fitting": fitting},
        )
    is_asked = task is not None or kind != target.kind
    return kind, f"`{target.name}`: {target.rule}" + ("; asked for" if is_asked else "")


def choose_candidates(
    kind: Kind,
    model_name: str,
    hyperparameters: Mapping[str, Any],
    rows: int,
    columns: int,
    classes: int,
    searched: Collection[str] = (),
) -> Candidates:
    """Return the model that is asked for, or those to be compared.

    :param searched: hyperparameters that are searched for later, so that a model has to have them.
    :param rows: how many there are to learn from.
    :param columns: about how many numbers a row is encoded to.
    :param classes: how many the target has; 1 for a quantity.
    :raises ParameterInvalid: none of the models that fit has all of *hyperparameters*.
    """
    compared = min(rows, MOST_COMPARED)
    folds = 3 if rows < FEW_ROWS or rows > 5_000 else 5
    if model_name != AUTO:
        asked = Candidate(MODELS[model_name], hyperparameters)
        return Candidates((asked,), folds, compared, f"{model_name}, as asked for")
    proposed = _narrow(_propose(kind, rows, columns), hyperparameters, searched)

    def guess(candidate: Candidate, folds: int) -> float:
        # Each fold learns from all others.
        learned = compared * (folds - 1) // folds
        return folds * guess_seconds(candidate.model, candidate.hyperparameters, learned, columns, classes)

    left = _SECONDS_FEW if rows < FEW_ROWS else _SECONDS
    if rows >= FEW_ROWS and sum(guess(candidate, folds) for candidate in proposed) > left:
        folds, left = _FEWEST_FOLDS, _SECONDS_MOST
    chosen: list[Candidate] = []
    for candidate in proposed:
        cost = guess(candidate, folds)
        # The first is taken whatever it costs.
        if not chosen or cost <= left:
            chosen.append(candidate)
            left -= cost
    return Candidates(tuple(chosen), folds, compared, f"the best of {len(chosen)} models by cross-validation")


def _narrow(candidates: list[Candidate], given: Mapping[str, Any], searched: Collection[str]) -> list[Candidate]:
    """Return those of *candidates* whose models have all of the hyperparameters *given* and *searched*, with those given."""
    wanted = [*given, *searched]
    if not wanted:
        return candidates
    known = {candidate.model: new_estimator(candidate.model).get_params() for candidate in candidates}
    fitting = [
        Candidate(each.model, {**each.hyperparameters, **given}, each.character)
        for each in candidates
        if known[each.model].keys() >= set(wanted)
    ]
    if not fitting:
        everything = dict.fromkeys(name for names in known.values() for name in names)
        unknown = next((name for name in wanted if name not in everything), None)
        if unknown is not None:
            raise refuse_unknown("auto", unknown, everything, "hyperparameters" if unknown in given else SEARCHED)
        raise ParameterInvalid(
            f"No model has all of the hyperparameters {', '.join(f'`{name}`' for name in wanted)}.",
            where="hyperparameters",
            fix="Give `model_name` too, or fewer of them.",
            details={"parameter": "hyperparameters", "given": dict(given)},
        )
    different = {(each.model, repr(sorted(each.hyperparameters.items()))): each for each in reversed(fitting)}
    return list(reversed(different.values()))


def _propose(kind: Kind, rows: int, columns: int) -> list[Candidate]:
    """Return the candidates for *kind*, those first that are left out last.

    Of twenty models on 29 tables (`benchmarks/model_data.py`, 3,000 rows at most) the best of these was within 0.01 of the best of
    all, but for two tables of 32 and 150 rows: trees of either strength, and, where the signal is weak, a line.
    """
    if kind == CLASSIFICATION:
        boosting, forest, linear = "HistGradientBoostingClassifier", "ExtraTreesClassifier", "LogisticRegression"
        weaker: dict[str, Any] = {"C": 0.05}
    else:
        boosting, forest, linear = "HistGradientBoostingRegressor", "ExtraTreesRegressor", "Ridge"
        weaker = {"alpha": 30.0}

    def boost(character: str, rate: float, trees: int, **others: Any) -> Candidate:
        return Candidate(MODELS[boosting], {"learning_rate": rate, "max_iter": trees, **others}, character)

    lines = Candidate(MODELS[linear], {}), Candidate(MODELS[linear], weaker, "strongly regularised")
    # With a row in each leaf they learn noise by heart.
    trees = Candidate(MODELS[forest], {"min_samples_leaf": 2} | ({"n_estimators": 60} if rows < FEW_ROWS else {}))
    if rows < FEW_ROWS:
        small = boost("small trees", 0.15, 60, max_leaf_nodes=8, l2_regularization=10.0)
        return [
            lines[0],
            small,
            trees,
            lines[1],
            boost("larger trees", 0.15, 60, max_leaf_nodes=15, l2_regularization=1.0),
        ]
    if columns > MANY_COLUMNS:
        # Each tree looks at every column, so that the comparison is on few rows, where small trees do as well as large ones; learned
        # from all 1,600 rows of 500 columns they are worth 0.03 to 0.04 of AUC less.
        large = boost("large trees", 0.1, 100, l2_regularization=1.0)
        medium = boost("medium trees", 0.1, 150, max_leaf_nodes=15, l2_regularization=1.0)
        return [lines[0], large, medium, *([trees] if rows <= MOST_OF_FOREST else []), lines[1]]
    small = boost("small trees", 0.03, 300, max_depth=4, l2_regularization=10.0, max_features=0.5)
    medium = boost("medium trees", 0.05, 300, max_leaf_nodes=15, l2_regularization=1.0)
    large = boost("large trees", 0.1, 400, l2_regularization=1.0, max_features=0.5)
    if rows <= MOST_OF_FOREST:
        return [lines[0], small, medium, trees, lines[1]]
    # A forest of many rows is a file of hundreds of megabytes, and boosting is better there: the larger its trees, the more the
    # rows that were not compared add to it (AUC 0.79, 0.83 and 0.84 for the three, learned from 133,000 rows).
    return [lines[0], large, medium, small, lines[1]]
