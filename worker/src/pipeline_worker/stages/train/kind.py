"""What is predicted: classes or a quantity."""

from __future__ import annotations

from typing import Literal

Kind = Literal["classification", "regression"]
CLASSIFICATION: Kind = "classification"
REGRESSION: Kind = "regression"
