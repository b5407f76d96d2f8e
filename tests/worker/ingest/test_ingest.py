"""The stage `ingest`, on a store in a folder."""

from __future__ import annotations

import gzip
import io
import json
import logging
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline_contract.records import FAILURE_MARK
from pipeline_worker.limits import Limits
from pipeline_worker.request import Request
from pipeline_worker.run.begin import Invocation
from pipeline_worker.run.manifest import Manifest, read_committed
from pipeline_worker.run.stage import CommandOutput, run_stage
from pipeline_worker.settings import read_settings
from pipeline_worker.stages.ingest.stage import ingest
from pipeline_worker.store.base import open_store

KEY = "penguins.20260101T000000Z.aaaaaaaa"
ROWS = b"species,mass,year\nAdelie,3750,2007\nGentoo,NA,2008\nAdelie,3250,2009\n"


class Bench:
    """A run of one dropped file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = read_settings({"PIPELINE_SCRATCH_DIR": str(folder / "scratch")}, store_folder=folder)
        self.store = open_store(self.settings)
        self.layout = self.settings.layout.run(KEY)

    def drop(self, content: bytes, key: str = "penguins/x.csv", dataset: str = "penguins") -> None:
        """Leave what `claim_drops` leaves."""
        drop = {
            "run_key": KEY,
            "dataset": dataset,
            "origin": "drop",
            "bucket": "drops",
            "key": key,
            "version": None,
            "etag": "e",
            "size": len(content),
            "last_modified": "2026-01-01T00:00:00Z",
            "sidecar": None,
        }
        self.store.put(self.layout.raw, content)
        self.store.put(self.layout.drop, json.dumps(drop).encode())

    def run(self, attempt: str = "first", **params: Any) -> CommandOutput:
        return run_stage(Invocation("ingest", KEY, attempt, attempt, False, params), ingest, self.store, self.settings)

    def committed(self) -> Manifest:
        found = read_committed(self.store, self.layout, "ingest")
        assert found is not None
        return found.manifest

    def read(self, name: str) -> Any:
        return json.loads(self.store.read(self.committed().outputs[name].uri)[0])

    def receipt(self, dataset: str = "penguins") -> Any:
        return json.loads(self.store.read(self.layout.receipt(dataset))[0])


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def failure_of(ended: CommandOutput) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ended.stdout[-1].removeprefix(FAILURE_MARK))
    return found


def test_csv_becomes_dataset_schema_profile_and_request(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """All four are saved, the facts say what was found, and the last line of stdout is the dataset."""
    bench.drop(ROWS)
    with caplog.at_level(logging.INFO, "pipeline_worker"):
        ended = bench.run(target_column="species")
    assert ended.exit_code == 0
    manifest = bench.committed()
    assert ended.stdout[-1] == manifest.outputs["dataset"].uri
    path = bench.folder / "read.parquet"
    bench.store.download(manifest.outputs["dataset"].uri, path)
    assert pq.read_table(path).to_pydict() == {
        "species": ["Adelie", "Gentoo", "Adelie"],
        "mass": [3750, None, 3250],
        "year": [2007, 2008, 2009],
    }
    assert [column["type"] for column in bench.read("schema")["columns"]] == ["text", "integer", "integer"]
    assert bench.read("profile")["columns"][1]["missing"] == 1
    assert bench.read("request")["target_column"] == "species"
    facts = manifest.facts
    assert (facts["rows"], facts["columns"], facts["missing_values"]) == (3, 3, 1)
    assert facts["column_types"] == {"text": 1, "integer": 2}
    assert "separator comma (found)" in facts["written_as"]
    assert "n/a" in facts["missing_words"]
    assert "read as: separator comma (found)" in caplog.text


def test_parquet_is_ingested(bench: Bench) -> None:
    """It goes the same way."""
    path = bench.folder / "x.parquet"
    pq.write_table(pa.table({"a": [1, 2], "y": ["u", "v"]}), path)
    bench.drop(path.read_bytes(), key="penguins/x.parquet")
    assert bench.run().exit_code == 0
    assert bench.committed().facts["data_format"] == "parquet"
    assert bench.committed().facts["notes"] == []
    assert bench.read("profile")["pandas"] == {"function": "read_parquet", "options": {}}
    assert bench.run("second", ingestion_config={"separator": ";"}).exit_code == 0
    assert "`separator` of `ingestion_config` is for CSV files, and was not used" in bench.committed().facts["notes"][0]


@pytest.mark.parametrize("params", [{"target_column": "label"}, {}])
def test_a_target_that_holds_no_plain_values_is_refused_by_name(bench: Bench, params: dict[str, Any]) -> None:
    """It is not said to be missing, and no other column takes its place."""
    path = bench.folder / "x.parquet"
    pq.write_table(pa.table({"label": [b"a"], "y": [1], "n": [2]}), path)
    bench.drop(path.read_bytes(), key="penguins/x.parquet")
    ended = bench.run(**params)
    assert ended.exit_code == 1
    assert "`label` is the target, and cannot be used: it holds binary" in failure_of(ended)["what"]
    assert bench.run("second", target_column="y").exit_code == 0
    assert list(bench.read("schema")["left_out"]) == ["label"]


def test_a_type_that_a_dropped_column_does_not_have_is_no_reason_to_refuse_the_file(bench: Bench) -> None:
    """No model sees it; a type of text still holds, as rules may be about it."""
    bench.drop(b"when,id,y\n2024-01-31,7,u\nsoon,8,v\n")
    given = {"ingestion_config": {"column_types": {"when": "date", "id": "text"}}}
    assert bench.run("first", **given).exit_code == 1
    assert bench.run("second", drop_columns=["when", " id "], **given).exit_code == 0
    assert [column["type"] for column in bench.read("schema")["columns"]] == ["text", "text", "text"]


@pytest.mark.slow("loads pandas")
@pytest.mark.parametrize(
    ("content", "options"),
    [
        (ROWS, {}),
        (b"\xef\xbb\xbf" + ROWS, {}),
        (
            "sep=;\nspecies;mass\nAdélie;3750,5\nGentoo;1,5\n".encode("cp1252"),
            {"sep": ";", "encoding": "cp1252", "skiprows": 1},
        ),
        (b"\nspecies,mass\n'a, b',1\n'c',2\n", {"quotechar": "'", "skiprows": 1}),
    ],
)
def test_profile_says_how_pandas_reads_the_same_rows(bench: Bench, content: bytes, options: dict[str, Any]) -> None:
    """Whoever reads the file to predict gets the columns and texts that the model knows."""
    import pandas as pd

    bench.drop(content)
    assert bench.run(target_column="species").exit_code == 0
    # The cells as they are: the model reads them.
    options = options | {"dtype": "str", "keep_default_na": False}
    assert bench.read("profile")["pandas"] == {"function": "read_csv", "options": options}
    table = pd.read_csv(io.BytesIO(content), **options)
    assert list(table.columns) == [column["name"] for column in bench.read("schema")["columns"]]
    path = bench.folder / "read.parquet"
    bench.store.download(bench.committed().outputs["dataset"].uri, path)
    assert table["species"].tolist() == pq.read_table(path).column("species").to_pylist()


def test_found_target_is_said_and_handed_on(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """The next stage reads it in the manifest's request, as if it had been given."""
    bench.drop(b"a,Class\n1,x\n2,y\n")
    with caplog.at_level(logging.INFO, "pipeline_worker"):
        assert bench.run().exit_code == 0
    manifest = bench.committed()
    assert Request.model_validate(manifest.request).target_column == "Class"
    assert manifest.facts["target_column_is"] == "found by its name"
    assert "target: `Class`, by its name" in caplog.text


def test_words_in_the_target_are_told_in_the_headline(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """Whether a class `NA` is one is the first thing to know, and stands in the log and the receipt."""
    bench.drop(b"gdp,continent\n1,NA\n2,EU\n3,NA\n4,AS\n")
    with caplog.at_level(logging.INFO, "pipeline_worker"):
        assert bench.run(target_column="continent").exit_code == 0
    said = "target `continent` (2 cells say `NA`: a label)"
    assert said in caplog.text
    assert said in json.dumps(bench.receipt(), ensure_ascii=False)
    assert "2 cells say `NA`, kept as a label" in bench.committed().facts["notes"][0]
    options = {"dtype": "str", "keep_default_na": False}
    assert bench.read("profile")["pandas"] == {"function": "read_csv", "options": options}


def test_what_pandas_cannot_tell_is_in_the_profile(bench: Bench) -> None:
    """The report says it beside the call."""
    bench.drop(b'area,y\n"NA",1\nEU,NA\nNA,3\n')
    assert bench.run().exit_code == 0
    said = {"area": "`NA` is a label in quotes, and missing without them"}
    assert bench.read("profile")["pandas"]["reads_otherwise"] == said


def test_missing_target_says_which_file_to_write(bench: Bench) -> None:
    """Exit 2, with the columns and the exact object, in the record, on stdout and in the receipt."""
    bench.drop(ROWS)
    ended = bench.run()
    assert ended.exit_code == 2
    failure = failure_of(ended)
    assert 'Write {"target_column": "..."} into s3://drops/penguins/_params.json' in failure["fix"]
    assert "`species`, `mass`, `year`" in failure["fix"]
    assert bench.receipt()["reason"]["fix"] == failure["fix"]


def test_missing_target_of_a_trigger_is_mended_in_the_payload(bench: Bench) -> None:
    """There a file would change every later drop of the dataset."""
    bench.store.put("s3://drops/_sources/penguins.csv", ROWS)
    ended = bench.run(data_source="s3://drops/_sources/penguins.csv")
    assert ended.exit_code == 2
    assert "into the trigger's payload" in failure_of(ended)["fix"]


def test_repeated_target_is_refused(bench: Bench) -> None:
    """A second column of that name could tell the model the answer."""
    bench.drop(b"a,species,species\n1,x,x\n2,y,y\n")
    ended = bench.run(target_column="species")
    assert ended.exit_code == 1
    assert "More than one column has the same name (`species`: columns 2, 3)" in failure_of(ended)["what"]


def test_a_number_target_with_a_word_in_it_is_refused(bench: Bench) -> None:
    """The reason names the row and the line of the file, and is not looked for in columns that are no target."""
    rows = "".join(f"{number}.5,{number}\n" for number in range(100))
    bench.drop(f"price,n\n{rows}ask,3\n".encode())
    ended = bench.run(target_column="price")
    assert ended.exit_code == 1
    assert "'ask' in row 101 (line 102)" in failure_of(ended)["what"]
    assert '{"missing_values": {"price": ["ask"]}}' in bench.receipt()["reason"]["fix"]
    assert bench.run("second", target_column="n").exit_code == 0


def test_a_title_that_was_taken_for_the_header_is_told(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """Where the first row has the target's name, no other column is proposed for it, and no note speaks of the wrong columns."""
    bench.drop(b"Sales,and costs\nsize,label\n1,a\n2,b\n3,b\n")
    with caplog.at_level(logging.WARNING, "pipeline_worker"):
        ended = bench.run(target_column="label")
    assert ended.exit_code == 2
    assert failure_of(ended)["what"].endswith("that seems to be the header, and not `Sales`, `and costs`.")
    assert bench.receipt()["reason"]["fix"].startswith("Write the file with the names of the columns first")
    assert "`Sales`: Text" not in caplog.text


def test_name_that_mlflow_refuses_fails_before_any_work(bench: Bench) -> None:
    """Exit 2, with the rule."""
    bench.drop(ROWS, key="a:b/x.csv", dataset="a:b")
    ended = bench.run(target_column="species")
    assert ended.exit_code == 2
    assert "must not contain `:`" in failure_of(ended)["what"]


@pytest.mark.parametrize(
    ("content", "key", "what"),
    [
        (b"", "penguins/x.csv", "0 bytes"),
        (b"\x89PNG\r\n\x1a\n", "penguins/x.csv", "a PNG picture"),
        (b"a,b\n1\n", "penguins/x.csv", "Line 2 has 1 cell"),
        (b"PAR1", "penguins/x.parquet", "damaged or was cut off"),
        (b"{}", "penguins/x.json", "The file has no records"),
    ],
)
def test_unreadable_file_is_a_fault_of_the_data(bench: Bench, content: bytes, key: str, what: str) -> None:
    """Exit 1, and the receipt of the drop says why."""
    bench.drop(content, key=key)
    ended = bench.run(target_column="b")
    assert ended.exit_code == 1
    assert what in failure_of(ended)["what"]
    assert what in bench.receipt()["reason"]["what"]
    assert f"s3://drops/{key}" in failure_of(ended)["where"]


def test_a_packed_file_that_is_too_large_is_told_what_is_enough_unpacked(bench: Bench) -> None:
    """Who follows the advice is not refused again for what it unpacks to."""
    bench.drop(gzip.compress(ROWS), key="penguins/x.csv.gz")
    bench.settings = replace(bench.settings, limits=Limits(file_bytes=40))
    told = failure_of(bench.run())
    assert told["what"] == "The file has more than 40 bytes, the most allowed."
    line, _, enough = told["fix"].rpartition("=")
    assert line.endswith("in `.env`, which is surely enough, and `make down up`: ML_PIPELINE_MAX_FILE_BYTES")
    bench.settings = replace(bench.settings, limits=Limits(file_bytes=int(enough)))
    assert bench.run("second", target_column="species").exit_code == 0


def test_notes_are_logged_and_kept(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """Made-up names and columns that are nearly numbers are told, a few of them."""
    names = ",".join(["y", *[""] * 30])
    bench.drop(f"{names}\n{','.join('1' * 31)}\n".encode())
    with caplog.at_level(logging.WARNING, "pipeline_worker"):
        assert bench.run().exit_code == 0
    assert "Column 2 has no name" in caplog.text
    assert "... and 10 more notes like these, in profile.json" in caplog.text
    assert len(bench.committed().facts["notes"]) == 20
    assert len(bench.read("profile")["notes"]) == 30
    told = bench.receipt()["stages"]["ingest"]
    assert told["notes"] == bench.committed().facts["notes"][:5]
    assert told["more_notes"] == 25


def test_notes_on_the_target_come_first(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """In the log, the profile and the receipt, wherever the target stands, also where its name was found."""
    bench.drop(b"a,,label\nNA,1,NA\nx,2,y\n")
    with caplog.at_level(logging.WARNING, "pipeline_worker"):
        assert bench.run(target_column="label").exit_code == 0
        assert bench.run("second").exit_code == 0
    notes = bench.read("profile")["notes"]
    assert [note.partition(":")[0] for note in notes] == [
        "`label`",
        "Column 2 has no name; it is called `Unnamed",
        "`a`",
    ]
    assert bench.receipt()["stages"]["ingest"]["notes"] == notes
    assert caplog.messages[0] == notes[0]


@pytest.mark.parametrize(
    ("key", "parts"),
    [
        ("penguins/year=2024/part-0.csv", "`year=2024`"),
        ("penguins/year=2024/month=01/part-0.csv", "`year=2024`, `month=01`"),
    ],
)
def test_one_part_of_a_partitioned_table_is_told(bench: Bench, key: str, parts: str) -> None:
    """It becomes a model of its own, which nobody wants of a table in parts."""
    bench.drop(ROWS, key=key)
    assert bench.run(target_column="species").exit_code == 0
    (note,) = bench.receipt()["stages"]["ingest"]["notes"]
    assert note.startswith(f"This looks like one part of a partitioned table ({parts}): each file becomes a model")


@pytest.mark.parametrize("key", ["penguins/2024/x.csv", "penguins/a=b.csv", "penguins/=/x.csv"])
def test_a_file_in_other_folders_is_no_part_of_a_table(bench: Bench, key: str) -> None:
    """Folders are a person's own matter; only those named by a column's values are told."""
    bench.drop(ROWS, key=key)
    assert bench.run(target_column="species").exit_code == 0
    assert bench.receipt()["stages"]["ingest"]["notes"] == []


def test_a_dataset_with_such_a_name_is_no_part_of_a_table(bench: Bench) -> None:
    """Its folder is the dataset's, whatever it is called."""
    bench.drop(ROWS, key="a=b/x.csv", dataset="a=b")
    assert bench.run(target_column="species").exit_code == 0
    assert bench.receipt("a=b")["stages"]["ingest"]["notes"] == []


@pytest.mark.slow("starts a process")
def test_ingest_loads_no_library_of_another_stage(tmp_path: Path) -> None:
    """A cold process is fast only as long as it does not import pandas, or what trains and validates."""
    (tmp_path / "drops" / "_sources").mkdir(parents=True)
    (tmp_path / "drops" / "_sources" / "x.csv").write_bytes(b"a,day,t,y\n1.5,2024-01-31,true,u\nNA,2024-02-01,,v\n")
    program = (
        "import sys; from pipeline_worker.cli.command import main; "
        f"code = main('ingest', '', '', ['--store', {str(tmp_path)!r}, '--params', "
        '\'{"data_source": "s3://drops/_sources/x.csv"}\']); '
        "heavy = {'pandas', 'sklearn', 'skrub', 'mlflow', 'great_expectations', 'scipy', 'matplotlib', 'boto3'}; "
        "print(code, sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []", done.stderr
