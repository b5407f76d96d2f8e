"""The commands that a refusal ends with."""

import argparse
import json
import shlex

import pytest

from cli.commands import rerun
from cli.runs.params import read_params
from cli.runs.ready_command import make_commands

RUN = "penguins.20261122T215500Z.1a2b3c4d"


def read_command(command, monkeypatch):
    """Return stage, run key and parameters of a command, by the parser that it reaches through make."""
    words = shlex.split(command)
    assert words[:2] == ["make", "rerun"]
    for name, value in (word.split("=", 1) for word in words[2:]):
        monkeypatch.setenv(name, value)
    parser = argparse.ArgumentParser()
    rerun.add_arguments(parser)
    followed = parser.parse_args([])
    return rerun.choose_stage(followed.stage), followed.run_key, read_params(followed.params).values


@pytest.mark.parametrize(
    ("advice", "stopped", "expected"),
    [
        (
            'Add rows. If the data is right, mend the rule, or run `validate` again with {"data_validation": {"min_row_count": 7}}.',
            "validate",
            [("validate", {"data_validation": {"min_row_count": 7}})],
        ),
        (
            'Give {"data_format": "tsv"}, or {"ingestion_config": {"encoding": "cp1252"}}; or save it.',
            "ingest",
            [("ingest", {"data_format": "tsv"}), ("ingest", {"ingestion_config": {"encoding": "cp1252"}})],
        ),
        (
            'Fill them in. Give {"target_column": "a", "data_validation": {"max_missing_target_share": 0.8}}.',
            "train",
            [("validate", {"target_column": "a", "data_validation": {"max_missing_target_share": 0.8}})],
        ),
        (
            json.dumps({"data_validation": {"allowed_values": {"dataset": {"dataset": ["it's $HOME", '"', "ä\\", "`ls`"]}}}}, ensure_ascii=False),
            "validate",
            [("validate", {"data_validation": {"allowed_values": {"dataset": {"dataset": ["it's $HOME", '"', "ä\\", "`ls`"]}}}})],
        ),
    ],
)  # fmt: skip
def test_a_line_of_parameters_becomes_a_command(advice, stopped, expected, monkeypatch):
    """It names the run, and the stage that stopped or the one that uses the parameters; whatever is in them arrives."""
    commands = make_commands(advice, stopped, RUN)
    assert [read_command(command, monkeypatch) for command in commands] == [
        (stage, RUN, values) for stage, values in expected
    ]


@pytest.mark.parametrize(
    "advice",
    [
        "Mend the file.",
        'Write one JSON object, for example {"target_column": "price"}.',
        'Look at {"a": 1} and {"b".',
        "",
    ],
)
def test_other_braces_are_no_parameters(advice):
    """An example, another object, or half of one gives no command."""
    assert make_commands(advice, "ingest", RUN) == []
