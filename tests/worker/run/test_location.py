"""Where a model may be published to."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline_contract.escape import escape
from pipeline_worker.errors import LocationRefused
from pipeline_worker.run.location import check_target
from pipeline_worker.settings import read_settings

SETTINGS = read_settings({}, store_folder=Path("/nowhere"))


@pytest.mark.parametrize(
    "uri",
    [
        "s3://artifacts/models",
        "s3://elsewhere",
        "s3://artifacts/ml-pipeline-runs-2/x/",
        "s3://my.models-2/" + "ä" * 450,
    ],
)
def test_other_places_are_allowed(uri: str) -> None:
    """Any bucket and folder will do that is not the pipeline's own."""
    assert check_target(uri, SETTINGS) == uri.rstrip("/")


def test_a_bucket_that_is_in_use_has_a_possible_name() -> None:
    """A store may have an artifact bucket from before the rule for names."""
    settings = read_settings({"ML_PIPELINE_ARTIFACT_BUCKET": "Old_Bucket"}, store_folder=Path("/nowhere"))
    assert check_target("s3://Old_Bucket/models", settings) == "s3://Old_Bucket/models"


@pytest.mark.parametrize(
    "uri",
    [
        "s3://drops/models",
        "s3://drops",
        "s3://artifacts/ml-pipeline-runs",
        "s3://artifacts/ml-pipeline-runs/models/penguins",
        "s3://artifacts//ml-pipeline-runs/x",
        "s3://artifacts/x/../ml-pipeline-runs",
        "s3://",
        "s3:///x",
        "/etc",
        "file:///etc",
        "artifacts/models",
        "s3://artifacts/a?versionId=1",
        "s3://artifacts/a\nb",
        "s3://Bad Bucket/x",
        "s3://my_bucket!/x",
        "s3://my_bucket/x",
        "s3://ab/x",
        "s3://a..b/x",
        "s3://" + "a" * 64,
        "s3://elsewhere/" + "ä" * 451,
        "",
    ],
)
def test_the_drop_bucket_the_runs_and_what_is_no_object_are_refused(uri: str) -> None:
    """A model in the drop bucket would become a drop; one among the runs could pass for something else."""
    with pytest.raises(LocationRefused) as raised:
        check_target(uri, SETTINGS)
    assert raised.value.where == escape(uri)
