"""The examples are what their README says."""

import csv
import json
import subprocess
import sys

import pytest

from cli.settings import PROJECT

EXAMPLES = PROJECT / "examples"


@pytest.mark.parametrize("script", ["bikes/make_bikes.py", "broken/make_broken.py"])
def test_made_files_are_made_the_same_each_time(tmp_path, script):
    """A script makes the very file that lies beside it."""
    for path in EXAMPLES.glob("*/*"):
        copy = tmp_path / path.relative_to(EXAMPLES)
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(path.read_bytes())
    made = (tmp_path / script).with_suffix("").parent / f"{script.split('/')[0]}.csv"
    made.unlink()
    subprocess.run([sys.executable, str(tmp_path / script)], check=True)
    assert made.read_bytes() == (EXAMPLES / script.split("/")[0] / made.name).read_bytes()


@pytest.mark.parametrize("name", ["penguins", "bikes", "broken"])
def test_parameters_name_columns_that_exist(name):
    """Every column that an example's parameters name is in its file."""
    with (EXAMPLES / name / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        columns = set(next(csv.reader(file)))
    params = json.loads((EXAMPLES / name / "_params.json").read_text(encoding="utf-8"))
    rules = params["data_validation"]
    named = {params["target_column"], *params.get("drop_columns", ())}
    for rule in ("required_columns", "non_null_columns", "unique_columns", "value_ranges", "allowed_values"):
        named |= set(rules.get(rule, ()))
    assert named <= columns
    assert {"README.md"} <= {path.name for path in EXAMPLES.iterdir()}
