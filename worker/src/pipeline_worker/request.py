"""The request: every parameter of a run, with its type, bounds, default and the stages that use it.

The JSON Schema of :class:`Request` is exported for the `ingest` Dag's form::

    python -m pipeline_worker.request > dags/pipeline/stage/request.schema.json
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema, field_validator, model_validator

from .schema import ColumnType
from .stages.ingest.formats import FORMAT_NAMES
from .stages.train.kind import Kind
from .stages.train.metric_table import METRICS
from .stages.train.model_table import AUTO, MODEL_NAMES
from .stages.train.spaces import MOST_TRIALS, Searched, refuse_bool
from .stages.validate.expectation_arguments import find_faults, say_unknown
from .stages.validate.rule import Severity

INGEST, VALIDATE, TRAIN, PUBLISH = "ingest", "validate", "train", "publish"

#: Column names that are taken as the target when `target_column` is not given, in this order.
USUAL_TARGETS = ("target", "label", "class", "y")

#: The names of metrics.
METRIC_NAMES = tuple(METRICS)
if TYPE_CHECKING:
    ModelName: TypeAlias = str
    MetricName: TypeAlias = str
    FormatName: TypeAlias = str
else:
    # Derived from the tables, which no checker of types looks into.
    ModelName, MetricName, FormatName = Literal[MODEL_NAMES], Literal[METRIC_NAMES], Literal[FORMAT_NAMES]
#: How a model is measured.
Scenario = Literal["holdout", "time", "group", "full_train"]

#: The name of a column: `ingest` leaves blanks around the names of a file out, so they count for nothing here either.
ColumnName = Annotated[str, StringConstraints(strip_whitespace=True)]
#: A number, or text that is parsed to the column's type (a date as `2024-01-31`).
Bound = int | float | str

_OWN_FOLDER = "a stage keeps files in a folder of its own."
#: Names that an earlier pipeline had in `ingestion_config` and that say nothing here, and what is told of each.
IGNORED = {
    "file_extension": "Ignored, and can be left out: what kind of file it is, is found by itself, or given by `data_format`.",
    "zip_extract_dir": f"Ignored, and can be left out: {_OWN_FOLDER}",
    "cache_dir": f"Ignored, and can be left out: {_OWN_FOLDER}",
}

#: What separates and surrounds cells, as the form is to know it; the stage itself checks, with a better message.
_Separator = Annotated[
    str,
    Field(min_length=1, max_length=4),
    WithJsonSchema({"type": "string", "pattern": r"^(?:[\x01 !#-~]|\t|\\[tT]|[tT][aA][bB]|\\s\+)$"}),
]
_Quote = Annotated[
    str, Field(min_length=1, max_length=1), WithJsonSchema({"type": "string", "pattern": r"^[ -/:-@\[-`{-~]$"})
]


def _stages(*names: str) -> dict[str, Any]:
    return {"x-stages": list(names)}


class _Strict(BaseModel):
    # Numbers are not taken from text: `"0.2"` for `test_size` is a mistake worth naming.
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


#: The rules whose severity can be chosen; an expectation has its own.
RuleName = Literal[
    "min_row_count",
    "max_row_count",
    "required_columns",
    "non_null_columns",
    "max_missing_target_share",
    "unique_columns",
    "value_ranges",
    "allowed_values",
    "same_schema",
]


class ValueRange(_Strict):
    """The range that the values of one column must lie in; missing values are left out of account."""

    min: Bound | None = Field(default=None, description="Smallest value allowed.")
    max: Bound | None = Field(default=None, description="Greatest value allowed.")
    strict_min: bool = Field(default=False, description="Values must be greater than `min`, not equal to it.")
    strict_max: bool = Field(default=False, description="Values must be less than `max`, not equal to it.")


class Expectation(_Strict):
    """One of Great Expectations' own expectations, as its suites write them."""

    type: str = Field(description="Its name, such as `expect_column_values_to_match_regex`.")
    kwargs: dict[str, Any] = Field(
        default={}, description="Its arguments: columns, bounds and so on, and `mostly` where it is about values."
    )
    severity: Severity = Field(default="error", description="`error` ends the run, `warning` is reported.")

    @field_validator("type")
    @classmethod
    def _refuse_unknown(cls, name: str) -> str:
        unknown = say_unknown(name)
        if unknown is not None:
            raise ValueError(unknown)
        return name

    @model_validator(mode="after")
    def _refuse_wrong_arguments(self) -> Expectation:
        faults = find_faults(self.type, self.kwargs)
        if faults:
            raise ValueError(f"{self.type}: {'; '.join(faults)}")
        return self


class DataValidation(_Strict):
    """What the data must satisfy before a model is trained on it."""

    min_row_count: int = Field(default=10, ge=0, description="Fewest rows allowed.")
    max_row_count: int | None = Field(default=None, ge=0, description="Most rows allowed.")
    required_columns: list[ColumnName] = Field(default=[], description="Columns that must exist.")
    non_null_columns: list[ColumnName] = Field(default=[], description="Columns without a missing value.")
    max_missing_target_share: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Greatest share of rows without a value in the target, which are left out of training.",
    )
    unique_columns: list[ColumnName] = Field(default=[], description="Columns without a repeated value.")
    value_ranges: dict[ColumnName, ValueRange] = Field(default={}, description="Column → range of its values.")
    allowed_values: dict[ColumnName, list[bool | int | float | str]] = Field(
        default={}, description="Column → its only values."
    )
    expectations: list[Expectation] = Field(
        default=[], description="Great Expectations' own expectations, each by `type`, `kwargs` and `severity`."
    )
    severity: dict[RuleName, Severity] = Field(
        default={},
        description="Rule → what it does where it is broken: `error` ends the run, `warning` is reported. Default: `error`.",
    )

    @field_validator("expectations", mode="before")
    @classmethod
    def _show_form(cls, value: object) -> object:
        if not isinstance(value, list) or not all(isinstance(each, dict | Expectation) for each in value):
            example = '{"data_validation": {"expectations": [{"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}}]}}'
            raise ValueError(f"a list of objects is needed, as in {example}")
        return value

    def severity_of(self, rule: str) -> Severity:
        """Return what the *rule* does where it is broken."""
        return next((severity for name, severity in self.severity.items() if name == rule), "error")


class IngestionConfig(_Strict):
    """How to read the file; what is not given is found out from its bytes."""

    separator: _Separator | None = Field(
        default=None,
        description="Column separator of a CSV file: one character, `\\t`, or `\\s+` for columns aligned by blanks.",
    )
    quote: _Quote | None = Field(default=None, description="Quote character of a CSV file.")
    sheet: str | None = Field(
        default=None, min_length=1, description="Sheet of a workbook. Default: the first with a table."
    )
    member: str | None = Field(
        default=None, min_length=1, description="File in a zip archive. Default: the only one that can be a table."
    )
    escape: _Quote | None = Field(
        default=None,
        description='Character of a CSV file that takes its meaning from the one behind it, such as the `\\` of `\\"`. '
        "Default: there is none, and a quote inside quotes is written twice.",
    )
    decimal: Literal[".", ","] | None = Field(
        default=None, description="Decimal sign of a CSV file, and of text that is to be numbers."
    )
    encoding: str | None = Field(
        default=None, min_length=1, description="Character encoding of a CSV file, such as `utf-8`."
    )
    missing_values: list[str] | dict[ColumnName, list[str]] | None = Field(
        default=None,
        description="Words that mean a missing value: a list for all columns, beside the usual words; or column → all of its "
        "words, beside the empty cell. In a Parquet file they are found in text, and those that are numbers, in numbers.",
    )
    column_types: dict[ColumnName, ColumnType] | None = Field(
        default=None, description="Column → its type, whatever its cells look like, or a Parquet file says."
    )
    date_order: Literal["dmy", "mdy", "ymd"] | None = Field(
        default=None,
        description="Order of day, month and year in dates that are numbers alone, such as 03/04/2024.",
    )
    max_bad_lines: int | None = Field(
        default=None,
        ge=0,
        le=1000,
        description="Most lines of a CSV file that may be left out, as they have more or fewer cells than the header, or a quote "
        "in the wrong place. Default: 0.",
    )
    file_extension: str | None = Field(default=None, description=IGNORED["file_extension"])
    zip_extract_dir: str | None = Field(default=None, description=IGNORED["zip_extract_dir"])
    cache_dir: str | None = Field(default=None, description=IGNORED["cache_dir"])


class Tuning(_Strict):
    """How hyperparameters are searched for."""

    n_trials: int | None = Field(
        default=None,
        ge=2,
        le=MOST_TRIALS,
        description="Most combinations that are tried, the first of which are the defaults. Default: 30; with `timeout_seconds`, "
        "as many as there is time for.",
    )
    timeout_seconds: float | None = Field(
        default=None,
        gt=0,
        description="No trial begins after so many seconds, and the one under way ends. Which model comes of it then depends on the "
        "machine. Default: no bound but that of the stage.",
    )
    metric: MetricName | None = Field(
        default=None, description="What is made as good as possible. Default: what models are compared by."
    )
    search_space: dict[str, Searched] | None = Field(
        default=None,
        min_length=1,
        description='Hyperparameter → what is tried of it: `{"low": 1, "high": 100, "log": true}`, or a list of choices. '
        "Default: what is built in for the model.",
    )

    _accept_no_bool = field_validator("timeout_seconds", mode="before")(refuse_bool)

    @property
    def most_trials(self) -> int:
        """The number of trials after which the search ends, whatever the time."""
        return self.n_trials or (30 if self.timeout_seconds is None else MOST_TRIALS)


class Request(_Strict):
    """The effective parameters of one run."""

    data_source: str | None = Field(
        default=None,
        description="`s3://bucket/key` of the file, below `_sources/` of the drop bucket or in the artifact bucket. "
        "Required for a manual trigger; a dropped file is its own source.",
        json_schema_extra=_stages(INGEST),
    )
    data_format: FormatName | None = Field(
        default=None,
        description="Format of the file. Default: by its first bytes, or its name's ending.",
        json_schema_extra=_stages(INGEST),
    )
    input_schema_version: Annotated[str, Field(min_length=1, max_length=100)] | None = Field(
        default=None,
        description="A label of yours for the layout of the data; recorded with the run and the model. Columns and types have to be "
        "those of the last run that was published under the same label.",
        json_schema_extra=_stages(INGEST, VALIDATE, TRAIN, PUBLISH),
    )
    dataset: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="Name of the dataset, and so of the registered model. Default: the folder that the file lies in.",
        json_schema_extra=_stages(INGEST),
    )
    ingestion_config: IngestionConfig = Field(
        default=IngestionConfig(),
        description="How to read the file: `separator`, `quote`, `escape`, `decimal`, `encoding`, `sheet`, `member`, "
        "`missing_values`, `column_types`, `date_order`, `max_bad_lines`. Default: found out.",
        json_schema_extra=_stages(INGEST),
    )
    target_column: ColumnName | None = Field(
        default=None,
        min_length=1,
        description="The column to predict. Default: a column named `target`, `label`, `class` or `y`.",
        json_schema_extra=_stages(INGEST, VALIDATE, TRAIN),
    )
    drop_columns: list[ColumnName] = Field(
        default=[],
        description="Columns that the model must not see. `ingest` leaves out those that it cannot read.",
        json_schema_extra=_stages(INGEST, TRAIN),
    )
    keep_columns: list[ColumnName] = Field(
        default=[],
        description="Columns that the model is to see although they look like identifiers or row numbers, or hold one value alone.",
        json_schema_extra=_stages(TRAIN),
    )
    data_validation: DataValidation = Field(
        default=DataValidation(),
        description="Rules that the data must satisfy: `min_row_count`, `max_row_count`, `required_columns`, "
        "`non_null_columns`, `max_missing_target_share`, `unique_columns`, `value_ranges`, `allowed_values`, `expectations`, and the "
        "`severity` of each. Default: at least 10 rows, and a target in half of them.",
        json_schema_extra=_stages(VALIDATE),
    )
    task: Kind | None = Field(
        default=None,
        description="What to predict. Default: classes where the target is text, true or false, or a few whole numbers; else a "
        "quantity.",
        json_schema_extra=_stages(TRAIN),
    )
    model_name: ModelName = Field(
        default=AUTO,
        description="The estimator, by scikit-learn's name; or `auto`: a few are compared by cross-validation on the rows to learn "
        "from, and the best is taken.",
        json_schema_extra=_stages(TRAIN),
    )
    metric: MetricName | None = Field(
        default=None,
        description="The metric that models are compared by, and that is shown first. Default: for classes, log loss compares, and "
        "ROC AUC (two classes) or balanced accuracy is shown; R² for numbers.",
        json_schema_extra=_stages(TRAIN),
    )
    model_version: str | None = Field(
        default=None,
        min_length=1,
        max_length=64,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        description="Version in the model file's name. Default: the time in the run key, with a digest behind it where "
        "another model has that name already.",
        json_schema_extra=_stages(TRAIN),
    )
    hyperparameters: dict[str, Any] = Field(
        default={},
        description="Arguments of the estimator, as scikit-learn names them. `auto` compares only models that have all of them.",
        json_schema_extra=_stages(TRAIN),
    )
    refit: bool = Field(
        default=True,
        description="Whether the model is fitted anew on all rows after it was measured on the test part.",
        json_schema_extra=_stages(TRAIN),
    )
    threshold: Literal["most_probable", "tuned"] = Field(
        default="most_probable",
        description="For two classes, which is predicted: the more probable one; or by a threshold that is chosen by "
        "cross-validation on the rows to learn from.",
        json_schema_extra=_stages(TRAIN),
    )
    training_scenario: Scenario = Field(
        default="holdout",
        description="How the model is measured: on rows picked at random (`holdout`), on the latest (`time`), on groups that it has "
        "not seen (`group`), or by cross-validation, to learn from all rows then (`full_train`).",
        json_schema_extra=_stages(TRAIN),
    )
    time_column: ColumnName | None = Field(
        default=None,
        min_length=1,
        description="When each row was: dates, or numbers such as years. Default: the only column of dates. It may be in "
        "`drop_columns`.",
        json_schema_extra=_stages(TRAIN),
    )
    group_column: ColumnName | None = Field(
        default=None,
        min_length=1,
        description="What each row is of, such as a patient or a machine: rows of one are learned or tested, never both. It is no "
        "feature, and may be in `drop_columns`.",
        json_schema_extra=_stages(TRAIN),
    )
    test_size: float = Field(
        default=0.2,
        gt=0,
        lt=1,
        description="Share of the rows that is kept aside for the test; not for `full_train`.",
        json_schema_extra=_stages(TRAIN),
    )
    random_state: int = Field(
        default=42, ge=0, le=2**32 - 1, description="Seed of everything random.", json_schema_extra=_stages(TRAIN)
    )
    tuning: bool | Tuning = Field(
        default=False,
        description="Search for hyperparameters by cross-validation on the rows to learn from: `true`, or `n_trials`, "
        "`timeout_seconds`, `metric` and `search_space`.",
        json_schema_extra=_stages(TRAIN),
    )
    target_output_path: str | None = Field(
        default=None,
        description="`s3://bucket/folder` that the model is published to. "
        "Default: `models/<dataset>/<run key>/<attempt>/` below the artifact prefix.",
        json_schema_extra=_stages(PUBLISH),
    )

    @property
    def search(self) -> Tuning | None:
        """How hyperparameters are searched for; None where they are not."""
        return self.tuning if isinstance(self.tuning, Tuning) else Tuning() if self.tuning else None

    @field_validator("test_size", mode="before")
    @classmethod
    def _accept_no_bool(cls, value: object) -> object:
        if isinstance(value, bool):
            raise ValueError("a number between 0 and 1 is needed")  # noqa: TRY004 - pydantic collects only these
        return value

    @field_validator("tuning", mode="before")
    @classmethod
    def _show_form(cls, value: object) -> object:
        if not isinstance(value, bool | dict | Tuning):
            raise ValueError('true, false or an object is needed, as in {"tuning": {"n_trials": 50}}')  # noqa: TRY004 - as above
        return value


def stages_of(parameter: str) -> list[str]:
    """Return the stages that use *parameter*, in order."""
    extra = Request.model_fields[parameter].json_schema_extra
    assert isinstance(extra, dict)
    return [str(name) for name in extra["x-stages"]]  # type: ignore[union-attr]


def export_schema() -> dict[str, Any]:
    """Return the JSON Schema of :class:`Request`, each property with its `x-stages`."""
    return Request.model_json_schema()


if __name__ == "__main__":
    print(json.dumps(export_schema(), indent=2, ensure_ascii=False))
