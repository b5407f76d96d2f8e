"""Made-up tables for the tests of training, always the same for the same arguments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline_worker.request import IngestionConfig
from pipeline_worker.schema import Schema
from pipeline_worker.stages.ingest.convert import convert
from pipeline_worker.stages.ingest.data_format import DataFormat

if TYPE_CHECKING:
    import pandas as pd


def make_penguins(rows: int = 150, seed: int = 0) -> pd.DataFrame:
    """Return birds of three kinds: text, whole numbers with missing values, a boolean, a date."""
    import pandas as pd

    random = np.random.default_rng(seed)
    kinds = random.choice(["Adelie", "Chinstrap", "Gentoo"], rows, p=[0.45, 0.2, 0.35])
    bill = pd.Series(kinds).map({"Adelie": 38.8, "Chinstrap": 48.8, "Gentoo": 47.5}) + random.normal(0, 2.5, rows)
    mass = pd.Series(kinds).map({"Adelie": 3700, "Chinstrap": 3730, "Gentoo": 5080}) + random.normal(0, 350, rows)
    island = np.where(kinds == "Gentoo", "Biscoe", random.choice(["Biscoe", "Dream", "Torgersen"], rows))
    table = pd.DataFrame(
        {
            "species": kinds,
            "island": island,
            "bill_length_mm": bill.round(1),
            "body_mass_g": mass.round().astype("Int64"),
            "is_tagged": random.random(rows) < 0.5,
            "seen_on": pd.date_range("2024-01-01", periods=rows).strftime("%Y-%m-%d"),
        }
    )
    for column, missing in {"bill_length_mm": (3, 40), "body_mass_g": (7, 8, 60), "island": (11,)}.items():
        table.loc[table.index.isin(missing), column] = None
    return table


def make_hires(rows: int = 240, seed: int = 0) -> pd.DataFrame:
    """Return daily hires of bicycles: a date, times, categories, free text, numbers, and a quantity to predict."""
    import pandas as pd

    random = np.random.default_rng(seed)
    days = pd.date_range("2023-03-01", periods=rows)
    weather = random.choice(["clear", "cloudy", "rain"], rows)
    warmth = 12 + 10 * np.sin(np.arange(rows) / 58) + random.normal(0, 2, rows)
    hires = 300 + 18 * warmth + pd.Series(weather).map({"clear": 90, "cloudy": 20, "rain": -120})
    hires += np.where(days.day_of_week >= 5, 80, 0) + random.normal(0, 25, rows)
    return pd.DataFrame(
        {
            "day": days.strftime("%Y-%m-%d"),
            "opened": [f"{7 + number % 3}:{number % 60:02d}" for number in range(rows)],
            "weather": weather,
            "note": [f"shift of {name} in ward {number % 50}" for number, name in enumerate(weather)],
            "temperature": pd.Series(warmth).round(1).where(random.random(rows) > 0.04),
            "hires": hires.round(2),
        }
    )


def ingest_table(table: pd.DataFrame, folder: Path, **how: str) -> tuple[Path, Schema]:
    """Return the Parquet file and the schema that `ingest` makes of *table* as a CSV file; *how* is for `to_csv`."""
    csv, parquet = folder / "data.csv", folder / "dataset.parquet"
    table.to_csv(csv, index=False, **how)
    return parquet, convert(csv, parquet, "data.csv", DataFormat("csv", "given"), IngestionConfig()).schema
