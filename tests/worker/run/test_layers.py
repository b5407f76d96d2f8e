"""Parameters: every fault is said with the near miss, where it stands, and what to do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline_worker.errors import ParameterInvalid
from pipeline_worker.request import Request, export_schema, stages_of
from pipeline_worker.run.layer import Layer
from pipeline_worker.run.parameters import check_layer, merge_layers, parse_layer
from pipeline_worker.stages.train.spaces import SearchRange
from tests.worker.conftest import ROOT

SCHEMA = ROOT / "dags/pipeline/stage/request.schema.json"


def fault_of(text: str, stage: str | None = None) -> ParameterInvalid:
    with pytest.raises(ParameterInvalid) as caught:
        layer = parse_layer(text, "penguins/_params.json")
        check_layer(layer, stage)
        merge_layers([layer])
    return caught.value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"target_colum": "x"}', "Did you mean `target_column`?"),
        ('{"data_validation": {"min_rows": 3}}', "Did you mean `min_row_count`?"),
        ('{"data_validation": {"value_ranges": {"mass": {"mn": 1}}}}', "Did you mean `min`?"),
        ('{"model_name": "RandomForestClasifier"}', "Did you mean `RandomForestClassifier`?"),
        ('{"test_size": "0.2"}', "`test_size`"),
        ('{"test_size": 1}', "a share between 0 and 1 is needed, such as 0.2 for 20 % (given: 1)"),
        (
            '{"target_column": 3}',
            "`target_column`: the name of a column in quotes is needed, not its position (given: 3).",
        ),
        ('{"drop_columns": [3]}', "`drop_columns.0`: the name of a column in quotes is needed"),
        ('{"data_format": "excel"}', "Did you mean `xlsx`?"),
        ('{"model_name": "XGBClassifier"}', "Did you mean `HistGradientBoostingClassifier`?"),
        ('{"test_size": true}', "between 0 and 1"),
        ('{"random_state": -1}', "`random_state`"),
        ('{"hyperparameters": {"C": NaN}}', "`NaN` is not JSON"),
        ('{"model_version": "../../x"}', "`model_version`"),
        ('{"tuning": 5}', "true, false or an object is needed"),
        ('{"tuning": {"n_trails": 5}}', "There is no `tuning.n_trails`. Did you mean `n_trials`?"),
        ('{"tuning": {"n_trials": 1}}', "`tuning.n_trials`: should be greater than or equal to 2"),
        ('{"tuning": {"timeout_seconds": true}}', "`tuning.timeout_seconds`: a number is needed"),
        ('{"tuning": {"metric": "roc_acu"}}', "Did you mean `roc_auc`?"),
        ('{"tuning": {"search_space": {"C": 5}}}', '`tuning.search_space.C`: a range such as {"low": 1, "high": 10}'),
        ('{"tuning": {"search_space": {"C": {"low": 1, "hihg": 2}}}}', "Did you mean `high`?"),
        ('{"tuning": {"search_space": {"C": {"low": 3, "high": 2}}}}', "`low` (3) is greater than `high` (2)"),
        (
            '{"tuning": {"search_space": {"C": {"low": 0, "high": 2, "log": true}}}}',
            "greater than 0 where `log` is true",
        ),
        ('{"tuning": {"search_space": {"C": {"low": 1, "high": 9, "log": true, "step": 2}}}}', "leave one of them out"),
        ('{"tuning": {"search_space": {"str": []}}}', "`tuning.search_space.str`: it has no choices"),
        ('{"tuning": {"search_space": {"C": [1, true]}}}', "a choice is given twice, or equals another"),
        ('{"tuning": {"search_space": {"C": [[1]]}}}', "a choice is a number, text, true, false or null"),
        ('{"training_scenario": "cross_validation"}', "`training_scenario`"),
        ('{"data_format": "docx"}', "`data_format`"),
        (
            '{"ingestion_config": {"file_path": "a.csv"}}',
            "is not needed: a dropped file is read from where it was dropped",
        ),
        (
            '{"ingestion_config": {"object_storage": {"bucket": "b"}}}',
            "of a trigger `data_source` names it. Take it out.",
        ),
        ('{"test_size": 0.2, "test_size": 0.3}', "given twice"),
        ('{"a": ', "line 1, column 7"),
        (" \n", "It is empty."),
        ('{"a": 1,}', "It is not valid JSON: a comma stands before the `}` in line 1, column 9."),
        ('{"a": [1, 2,\n]}', "a comma stands before the `]` in line"),
        ("{“a”: 1}", 'JSON needs the straight quote `"`, and there is `“` in line 1, column 2.'),
        ("{'a': 1}", "JSON needs the straight quote `\"`, and there is `'` in line 1, column 2."),
        ("[]", "a list where a JSON object is needed"),
        ('{"ingestion_config": {"access_key": "AKIA"}}', "looks like a credential"),
        ('{"hyperparameters": {"endpoint_url": "http://x"}}', "looks like a credential"),
        ('{"hyperparameters": {"accessKey": "AKIA"}}', "looks like a credential"),
        ('{"hyperparameters": {"Access-Key": "AKIA"}}', "looks like a credential"),
        ('{"ingestion_config": {"PWD": "x"}}', "looks like a credential"),
        ('{"data_validation": {"max_row_count": ' + "1" * 5000 + "}}", "thousands of digits"),
        (
            '{"data_validation": {"value_ranges": {"int": {"mn": 1}}}}',
            "There is no `data_validation.value_ranges.int.mn`",
        ),
        ('{"data_validation": {"value_ranges": {"a [kg]": 5}}}', "`data_validation.value_ranges.a [kg]`"),
        ('{"data_validation": {"severity": {"search_space": 1}}}', "`data_validation.severity.search_space`"),
        (
            '{"ingestion_config": {"column_types": {"type": "flot"}}}',
            "should be 'integer', 'number', 'boolean', 'text'",
        ),
        ('{"data_validation": {"value_ranges": {"[key]": {"mn": 1}}}}', "Did you mean `min`?"),
        ('{"data_validation": {"allowed_values": {"str": [null]}}}', "`data_validation.allowed_values.str.0`"),
    ],
)
def test_fault_is_said_where_it_stands(text: str, said: str) -> None:
    """A wrong name, type, bound or form is named, with where it is to be mended."""
    fault = fault_of(text)
    assert said in fault.what
    assert "penguins/_params.json" in fault.where
    assert fault.fix


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"test_size": "0.2"}, '`test_size`: a number such as 0.2 is needed (given: "0.2").'),
        (
            {"ingestion_config": [1]},
            '`ingestion_config`: an object as in {"ingestion_config": {"separator": ";"}} is needed (given: [1]).',
        ),
        (
            {"ingestion_config": {"missing_values": 5}},
            (
                '`ingestion_config.missing_values`: a list as in {"ingestion_config": {"missing_values": ["unknown", "-999"]}}, '
                'or an object as in {"ingestion_config": {"missing_values": {"size": ["unknown", "-999"]}}} is needed (given: 5).'
            ),
        ),
        (
            {"ingestion_config": {"missing_values": [5]}},
            "`ingestion_config.missing_values.0`: text in quotes is needed (given: 5).",
        ),
        (
            {"data_validation": {"value_ranges": {"a": [0, 10]}}},
            (
                '`data_validation.value_ranges.a`: an object as in {"data_validation": {"value_ranges": {"a": {"min": 0, "max": 10}}}} '
                "is needed (given: [0, 10])."
            ),
        ),
        (
            {"data_validation": {"value_ranges": {"a": {"min": []}}}},
            "`data_validation.value_ranges.a.min`: a number such as 0.5, or text in quotes is needed (given: []).",
        ),
        ({"target_column": ""}, '`target_column`: it is empty; leave it out, or fill it in (given: "").'),
        ({"model_version": "a/b"}, "`model_version`: should be of letters, digits, `.`, `_` and `-`, and begin with a"),
        ({"data_validation": {"expectations": [{"kwargs": {}}]}}, "`data_validation.expectations.0.type` is missing."),
        (
            {"data_validation": {"expectations": [{"type": "expect_column_values_to_be_uniqe"}]}},
            (
                "`data_validation.expectations.0.type`: there is no expectation `expect_column_values_to_be_uniqe`. Did you mean "
                "`expect_column_values_to_be_unique`?"
            ),
        ),
    ],
)
def test_a_wrong_form_is_said_in_plain_words(values: dict[str, Any], said: str) -> None:
    """What is wanted is named once, with an example, whatever the libraries call it."""
    what = fault_of(json.dumps(values)).what
    assert what.startswith(said)
    assert what == said or "model_version" in said


def test_the_layer_that_gives_a_part_is_named() -> None:
    """Of parameters that are merged name by name, a lower layer may have what is wrong."""
    low = Layer("s3://drops/a/_params.json", {"ingestion_config": {"decimal": ";"}, "test_size": 0})
    high = Layer("s3://drops/a/x.csv.params.json", {"ingestion_config": {"quote": "'"}, "refit": 5})
    with pytest.raises(ParameterInvalid) as raised:
        merge_layers([low, high])
    assert {fault["parameter"]: fault["from"] for fault in raised.value.details["faults"]} == {
        "ingestion_config.decimal": low.name,
        "test_size": low.name,
        "refit": high.name,
    }
    assert raised.value.fix.startswith(
        f"Mend it in {low.name}, and run `ingest` again. Correct {high.name}, drop it again, and then the data file"
    )


def test_a_long_line_of_overrides_is_told_whole() -> None:
    """It stands between two codes, and is none."""
    ranges = {f"column {number}": {"min": number} for number in range(40)}
    low = Layer("s3://drops/a/x.csv.params.json", {"data_validation": {"value_ranges": ranges, "min_row_count": "5"}})
    with pytest.raises(ParameterInvalid) as raised:
        merge_layers([low, Layer("overrides", {"data_validation": {"value_ranges": ranges}})])
    mended = {"data_validation": {"value_ranges": ranges, "min_row_count": 5}}
    assert f"; or run `ingest` again with {json.dumps(mended)}, if that is meant." in raised.value.fix


def test_the_overrides_that_are_told_keep_those_that_were_given() -> None:
    """Who pastes them loses nothing."""
    low = Layer("s3://drops/a/x.csv.params.json", {"ingestion_config": {"max_bad_lines": "3"}})
    top = Layer("overrides", {"ingestion_config": {"quote": "'"}, "test_size": "0.5", "refit": False})
    with pytest.raises(ParameterInvalid) as raised:
        merge_layers([low, top])
    mended = {"ingestion_config": {"quote": "'", "max_bad_lines": 3}, "test_size": 0.5, "refit": False}
    assert f"Run the stage again with {json.dumps(mended)}, if that is meant." in raised.value.fix


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ('{"target_colum": "x"}', "Write `target_column` in its place, if that is meant."),
        ('{"zzz": 1}', "Use one of: `data_source`, "),
    ],
)
def test_the_names_that_there_are_follow_only_where_none_is_near(text: str, fix: str) -> None:
    """A long list hides the one that is meant."""
    assert fault_of(text).fix.startswith(fix)
    nested = fault_of('{"ingestion_config": {"seperator": ";", "zzz": 1}}').what
    assert nested.startswith("There is no `ingestion_config.seperator`. Did you mean `separator`? There is no")
    assert "`ingestion_config.zzz`. Known here: `separator`, " in nested


@pytest.mark.parametrize("name", ["DecisionTreeClassifier", "SVC", "KNeighborsClassifier", "AdaBoostClassifier"])
def test_another_model_is_not_taken_for_one_with_a_letter_amiss(name: str) -> None:
    """Names of models have their ends in common."""
    fault = fault_of(json.dumps({"model_name": name}))
    assert "Did you mean" not in fault.what
    assert name not in fault.fix


def test_credential_is_not_repeated() -> None:
    """A secret that stands in parameters by mistake is not in the message about it."""
    for text in (
        '{"ingestion_config": {"secret_key": "hunter2"}}',
        '{"data_source": "s3://AKIA:hunter2@drops/_sources/x.csv"}',
        '{"data_source": "s3://AKIA:hun/ter2@drops/_sources/x.csv"}',
        '{"target_output_path": "https://AKIA:hunter2@store/models"}',
    ):
        fault = fault_of(text)
        assert "parameters are kept and shown" in fault.what
        told = str(fault) + json.dumps(fault.details)
        assert "hunter2" not in told
        assert "ter2" not in told


def test_columns_may_be_called_anything() -> None:
    """A column or a class named like a secret is data, not a secret."""
    layer = parse_layer('{"data_validation": {"allowed_values": {"token": ["a"]}}}', "x")
    check_layer(layer)
    assert merge_layers([layer])[0].data_validation.allowed_values == {"token": ["a"]}
    for text in (
        '{"data_validation": {"value_ranges": {"token": {"min": 1}}}}',
        '{"hyperparameters": {"class_weight": {"secret": 2}}}',
        '{"hyperparameters": {"monotonic_cst": {"password_length": 1}}}',
    ):
        check_layer(parse_layer(text, "x"))


def test_higher_layer_wins_and_null_means_not_given() -> None:
    """The last layer that gives a parameter decides; the form's nulls decide nothing."""
    request, sources = merge_layers(
        [
            Layer("file", {"test_size": 0.3, "target_column": "a"}),
            Layer("form", {"test_size": None, "target_column": "b"}),
        ]
    )
    assert (request.test_size, request.target_column) == (0.3, "b")
    assert sources == {"test_size": "file", "target_column": "form"}


def test_rules_are_merged_so_that_none_is_lost() -> None:
    """Overriding one bound keeps the other rules; a null takes a rule back to its default."""
    low = Layer("file", {"data_validation": {"min_row_count": 100, "unique_columns": ["id"]}})
    request, _ = merge_layers([low, Layer("payload", {"data_validation": {"min_row_count": 5}})])
    assert (request.data_validation.min_row_count, request.data_validation.unique_columns) == (5, ["id"])
    request, _ = merge_layers([low, Layer("payload", {"data_validation": {"min_row_count": None}})])
    assert request.data_validation.min_row_count == 10


def test_a_search_space_is_read_as_it_is_written() -> None:
    """Whole numbers stay whole, choices may be of any type, and what is kept of a request is read again as the same."""
    text = '{"tuning": {"search_space": {"a": {"low": 1, "high": 9}, "b": {"low": 0.0, "high": 1}, "c": [null, "x", true, 2.5]}}}'
    request, _ = merge_layers([parse_layer(text, "x")])
    assert request.search
    assert request.search.search_space
    whole, fraction, choices = request.search.search_space.values()
    assert isinstance(whole, SearchRange)
    assert isinstance(fraction, SearchRange)
    assert (whole.is_whole, fraction.is_whole) == (True, False)
    assert choices == [None, "x", True, 2.5]
    assert Request.model_validate(json.loads(request.model_dump_json())) == request


def test_override_of_another_stage_is_sent_there() -> None:
    """An override that the stage does not use is refused, and the stage that does is named."""
    fault = fault_of('{"test_size": 0.3}', "validate")
    assert "`train`" in fault.what


def test_every_parameter_is_described_and_used() -> None:
    """Each parameter has a description, and at least one stage that uses it."""
    for name, field in Request.model_fields.items():
        assert field.description, name
        assert stages_of(name), name


def test_form_is_made_of_this_schema() -> None:
    """The file that the `ingest` Dag reads is what this version of the worker exports."""
    assert json.loads(SCHEMA.read_text()) == export_schema(), "run `make schema`"
