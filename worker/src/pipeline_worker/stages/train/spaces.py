"""What a search for hyperparameters may try: the form in which a request says it, and what is built in for each model.

The request's model is made of this, so nothing heavy is imported here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import product
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

#: A search ends after so many trials, however much time it is given.
MOST_TRIALS = 10_000
#: Spaces with at most so many combinations are tried whole, each combination once.
FEW_COMBINATIONS = 30


def refuse_bool(value: object) -> object:
    """Return *value*, unless it is true or false, which are numbers to Python."""
    if isinstance(value, bool):
        raise ValueError("a number is needed")  # noqa: TRY004 - pydantic collects only these
    return value


class SearchRange(BaseModel):
    """Numbers from `low` to `high`, both included: whole ones where all that is given is whole."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)

    low: int | float = Field(description="Least value.")
    high: int | float = Field(description="Greatest value.")
    log: bool = Field(default=False, description="Try as many values between 1 and 10 as between 10 and 100.")
    step: int | float | None = Field(default=None, gt=0, description="Distance between the values. Default: any value.")

    _accept_no_bool = field_validator("low", "high", "step", mode="before")(refuse_bool)

    @model_validator(mode="after")
    def _refuse_empty(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"`low` ({self.low}) is greater than `high` ({self.high}); exchange them")
        if self.log and self.low <= 0:
            raise ValueError(
                f"`low` ({self.low}) has to be greater than 0 where `log` is true; give 1e-4, for instance"
            )
        if self.log and self.step is not None:
            raise ValueError("`log` and `step` do not go together; leave one of them out")
        return self

    @property
    def is_whole(self) -> bool:
        """Whether only whole numbers are tried."""
        return all(isinstance(each, int) for each in (self.low, self.high, self.step or 1))

    def list_values(self) -> list[int] | None:
        """Return the values where they are few and whole, else None."""
        if not self.is_whole or self.log or (self.high - self.low) / (self.step or 1) >= FEW_COMBINATIONS:
            return None
        return list(range(int(self.low), int(self.high) + 1, int(self.step or 1)))


def _tell_form(value: object) -> str | None:
    # The brackets mark them as parts of a path that nobody wrote; see `parameter_fault.py`.
    return "[range]" if isinstance(value, dict | SearchRange) else "[choices]" if isinstance(value, list) else None


def _check_choices(choices: list[Any]) -> list[Any]:
    if not choices:
        raise ValueError("it has no choices; give two or more, such as [3, 5]")
    for number, each in enumerate(choices):
        if not isinstance(each, bool | int | float | str | None):
            raise ValueError("a choice is a number, text, true, false or null")  # noqa: TRY004 - pydantic collects only these
        if each in choices[:number]:
            raise ValueError("a choice is given twice, or equals another one, as 1 and true do; keep one of them")
    return choices


Searched = Annotated[
    Annotated[SearchRange, Tag("[range]")] | Annotated[list[Any], AfterValidator(_check_choices), Tag("[choices]")],
    Discriminator(
        _tell_form,
        custom_error_type="search_space",
        custom_error_message='a range such as {"low": 1, "high": 10}, or a list of choices, is needed',
    ),
]
#: Hyperparameter → what of it is tried.
SearchSpace = Mapping[str, SearchRange | list[Any]]


def list_combinations(space: SearchSpace) -> list[dict[str, Any]] | None:
    """Return all combinations of *space* where they are few, else None."""
    values = [its if isinstance(its, list) else its.list_values() for its in space.values()]
    few = [each for each in values if each is not None]
    if len(few) < len(values) or math.prod(map(len, few)) > FEW_COMBINATIONS:
        return None
    return [dict(zip(space, each, strict=True)) for each in product(*few)]


#: Boosting. The number of trees stays: with the learning rate free, searching it cost twice the time and gained nothing measurable.
BOOSTING: SearchSpace = {
    "learning_rate": SearchRange(low=0.02, high=0.5, log=True),
    "max_leaf_nodes": SearchRange(low=3, high=63, log=True),
    "min_samples_leaf": SearchRange(low=2, high=60, log=True),
    "l2_regularization": SearchRange(low=1e-3, high=100.0, log=True),
    "max_features": SearchRange(low=0.2, high=1.0),
}
#: Forests; more trees are never worse, only slower.
FOREST: SearchSpace = {
    "max_features": SearchRange(low=0.1, high=1.0),
    "min_samples_leaf": SearchRange(low=1, high=20, log=True),
    "max_depth": [None, 4, 8, 16],
}
LOGISTIC: SearchSpace = {"C": SearchRange(low=1e-4, high=1e3, log=True), "class_weight": [None, "balanced"]}
LEAST_SQUARES: SearchSpace = {"fit_intercept": [True, False], "positive": [False, True]}
RIDGE: SearchSpace = {"alpha": SearchRange(low=1e-3, high=1e5, log=True)}
