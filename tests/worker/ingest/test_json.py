"""JSON documents and JSON lines: what is a table in them, and what is said where none is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline_worker.errors import DataUnreadable
from pipeline_worker.limits import Limits
from pipeline_worker.request import IngestionConfig
from pipeline_worker.stages.ingest import json_text
from pipeline_worker.stages.ingest.convert import convert
from pipeline_worker.stages.ingest.converted import Converted
from pipeline_worker.stages.ingest.data_format import DataFormat, find_format
from pipeline_worker.stages.ingest.formats import json_lines
from pipeline_worker.stages.ingest.unpacked import Unpacked
from tests.worker.ingest.test_formats import check_call

LARGE = 2**53


def ingest(
    folder: Path, content: str | bytes, name: str = "x.json", limits: Limits | None = None, **config: Any
) -> tuple[Converted, dict[str, list[Any]]]:
    """Return what becomes of a file with *content*, and the columns of the dataset."""
    path, scratch = folder / name, folder / "scratch"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    scratch.mkdir()
    converted = convert(
        path,
        scratch / "dataset.parquet",
        name,
        find_format(path, name),
        IngestionConfig(**config),
        limits=limits or Limits(),
    )
    return converted, pq.read_table(scratch / "dataset.parquet").to_pydict()


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        ('[{"a": 1, "b": "x"}, {"b": "y"}]', {"a": [1, None], "b": ["x", "y"]}),
        ('{"n": 2, "ok": true, "data": [{"a": 1}, {"a": 2}], "next": null}', {"a": [1, 2]}),
        ('{"data": [ {"a": 1} , {"a": 2} ], "tags": ["x", "y", "z"]}', {"a": [1, 2]}),
        ('{"a": [1, 2], "b": [null, {"c": "x"}]}', {"a": [1, 2], "b.c": [None, "x"]}),
        ('{"a": {"0": 1, "1": 2}, "b": {"0": {"c": "x"}}}', {"a": [1, 2], "b.c": ["x", None]}),
        ('{"a": [1, null], "b": ["x", "y"]}', {"a": [1, None], "b": ["x", "y"]}),
        ('{"a": {"0": 1, "1": 2}, "b": {"0": "x", "1": null}}', {"a": [1, 2], "b": ["x", None]}),
        ('{"a": 1, "b": {"c": "x"}}', {"a": [1], "b.c": ["x"]}),
        ('[{"a": {"b": {"c": 1}, "d": [1, "x"]}}]', {"a.b": ['{"c": 1}'], "a.d": ['[1, "x"]']}),
        ('[{"a": {"b": 1}}, {"a": null}, {"a": {}}]', {"a.b": [1, None, None]}),
        ('[{"a": "1,5"}, {"a": "2,5"}]', {"a": [1.5, 2.5]}),
        ('[{"a": 1.234}, {"a": 5.678}]', {"a": [1.234, 5.678]}),
        ('[{"a": 1.0}, {"a": 2.0}]', {"a": [1, 2]}),
        ('[{"a": true}, {"a": false}, {"a": null}]', {"a": [True, False, None]}),
        ('[{"a": NaN}, {"a": 1.5}, {"a": ""}]', {"a": [None, 1.5, None]}),
        ('[{"a": 1, "k": "NA"}, {"a": "NA", "k": "b"}]', {"a": [1, None], "k": ["NA", "b"]}),
        ('[{"a": "1", "k": "NA"}, {"a": "NA", "k": "b"}]', {"a": [1, None], "k": [None, "b"]}),
        ('[{"a": "007"}, {"a": "7"}]', {"a": ["007", "7"]}),
        ('[{"a": "2024-01-31T10:00:00Z"}]', None),
        (f'[{{"a": {LARGE}}}, {{"a": {LARGE + 1}}}]', {"a": [str(LARGE), str(LARGE + 1)]}),
        ('[{"a": true}, {"a": "maybe"}, {"a": [1]}, {"a": 2.50}]', {"a": ["true", "maybe", "[1]", "2.5"]}),
    ],
)
@pytest.mark.slow("loads pandas")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_is_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, columns: dict[str, list[Any]] | None
) -> None:
    """Records, columns, and an object around one array are tables, of which the printed call gives a model the same."""
    converted, found = ingest(tmp_path, content)
    assert columns is None or found == columns
    check_call(tmp_path / "x.json", converted, Unpacked(tmp_path / "x.json", "x.json"), monkeypatch)


def test_what_is_flattened_and_what_is_not_is_told(tmp_path: Path) -> None:
    """Each name that a record's object had is told with what it became, and what stayed JSON."""
    converted, _ = ingest(tmp_path, '[{"a": {"b": 1, "c": [1]}}, {"a": {"b": 2}}]')
    assert converted.notes == [
        "Objects in the records were flattened, by one level: `a` became `a.b`, `a.c`.",
        "What is deeper was kept as JSON, in text: `a.c`.",
    ]
    (tmp_path / "empty").mkdir()
    converted, _ = ingest(tmp_path / "empty", '[{"a": 1, "o": {}}]')
    assert converted.notes == [
        "Objects in the records were flattened, by one level: `o` became nothing, as it is empty."
    ]


def test_what_is_not_read_of_an_object_is_told(tmp_path: Path) -> None:
    """Beside an array of records there can be others, which are no part of the table."""
    converted, _ = ingest(tmp_path, '{"meta": {"n": 2}, "info": [{"a": 1}, {"a": 2}], "ok": true}')
    assert converted.notes == ["Of the object `info` was read, and not `meta`, `ok`."]


@pytest.mark.parametrize(
    ("content", "fix"),
    [
        ('[{"a": 1}, {"a": "x', "Its end is missing"),
        ('[{"a": 1}, {"a"', "Its end is missing"),
        ('[{"a": 1}, {"a" 2}]', "Mend it there"),
        ('{"a": 1},\n{"a": 2},\n', "Put records with commas between them into brackets"),
        ('[{"a": 1}]\n[{"a": 2}]\n', "into brackets, [{...}, {...}]; or write each on a line of its own"),
        ('{"a":\n1}\n{"a":\n2}\n', "into brackets, [{...}, {...}]; or write each on a line of its own"),
        ('[{"a": "\\ud800"}]', "Write the file again from its source"),
    ],
)
def test_what_mends_a_broken_document_is_said(tmp_path: Path, content: str, fix: str) -> None:
    """A missing end is another fault than a sign too many."""
    with pytest.raises(DataUnreadable) as raised:
        ingest(tmp_path, content)
    assert fix in raised.value.fix
    assert "," in raised.value.where


def test_a_line_that_is_too_long_can_be_one_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To part it would help no more than it does now."""
    monkeypatch.setattr(json_lines, "_LONGEST_LINE", 20)
    monkeypatch.setattr(json_lines, "_BLOCK_BYTES", 8)
    with pytest.raises(DataUnreadable, match="Line 2 is longer than") as raised:
        ingest(tmp_path, '{"a": 1}\n{"a": "' + "x" * 40 + '"}\n', "x.jsonl")
    assert "if this is one, shorten its texts" in raised.value.fix


def test_lines_that_are_read_as_a_document_are_named(tmp_path: Path) -> None:
    """Only where each can be a record, so that what is said helps."""
    path = tmp_path / "x.json"
    path.write_text('{"a": 1, "b": "x"}\n{"a": 2, "b": "y"}\n')
    with pytest.raises(DataUnreadable, match="The JSON is broken in line 2") as raised:
        convert(path, tmp_path / "dataset.parquet", "x", DataFormat("json", "given"), IngestionConfig())
    assert raised.value.fix.endswith('{"data_format": "jsonl"}')


@pytest.mark.parametrize(
    ("content", "name", "found"),
    [
        ('{"a": "' + "x" * (1 << 20) + '"}\n{"a": "y"}\n', "x.jsonl", "jsonl"),
        ('{"a": "' + "x" * (1 << 20) + '"}', "x.json", "json"),
        ('{"a": 1}\n', "x.jsonl", "jsonl"),
        ("[1]\n[2]\n", "x.jsonl", "jsonl"),
        ('{"a": 1\n{"a": 2}\n', "x.jsonl", "jsonl"),
        ('{"a": [\n{"a": 1},\n{"a": 2}]}', "x.jsonl", "json"),
        ('{"a":\n{"a": 1}}', "x.jsonl", "json"),
        ('{"data": [{"a": 1}]}', "x.jsonl", "json"),
        ('[\n{"a": 1}]\n', "x.jsonl", "json"),
    ],
)
def test_a_name_is_believed_where_the_beginning_can_be_lines(
    tmp_path: Path, content: str, name: str, found: str
) -> None:
    """A long first line, a single record and arrays on lines are what the name says; a document is told."""
    (tmp_path / name).write_text(content)
    data_format = find_format(tmp_path / name, name)
    assert data_format.name == found
    assert (data_format.note is None) == name.endswith(found)


def test_a_column_that_pandas_rounds_is_told(tmp_path: Path) -> None:
    """Beside flattened records pandas makes floats of whole numbers where one is missing: great ones are other labels then."""
    converted, _ = ingest(tmp_path, f'[{{"a": {{"b": {LARGE}}}}}, {{"a": {{"b": {LARGE + 1}}}}}, {{"a": null}}]')
    assert list(converted.pandas_unread) == ["a.b"]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("{}", "The file has no records"),
        ("[1, 2]", "Record 1 is no object"),
        ("[[1, 2], [3, 4]]", "Record 1 is an array, whose values have no names"),
        ('[{"a": 1}, {"a": 2}', "The JSON is broken in line 1: , or ] should come next, and not the end"),
        ('[{"a": 1},\n {"a": }]', "The JSON is broken in line 2: Expecting value"),
        ('[{"a": 1},\n {"a": 2},\n]', "The JSON is broken in line 3: nothing follows the last comma before its ]"),
        ('[{"a": 1},\n {"a": 2, }]', "The JSON is broken in line 2: nothing follows the last comma before its }"),
        ("[{'a': None}]", "The JSON is broken in line 1: it has single quotes"),
        ('[{"a": 1}]\n[{"a": 2}]', "The JSON is broken in line 2: something follows the end of the document"),
        ('[{"a": 1, "a": 2}]', "A record has more than one value called `a`"),
        ('[{"a": {"b": 1}, "a.b": 2}]', "A record has more than one value called `a.b`"),
        ('[{"a": 1, " a": 2}]', "More than one column has the same name (`a`: columns 1, 2)"),
        ('{"error": "not found", "code": 404}', "It is one object with `error`, and no records: a server's error"),
        ('{"a": [1, 2], "b": [1]}', "The columns have different numbers of values: `a` 2, `b` 1"),
        ('{"a": [{"x": 1}], "b": [{"x": 1}]}', "The object holds more than one array of records: `a`, `b`"),
        (
            '{"a": [1, 2], "b": [{"x": 1}, {"x": 2}], "c": 1}',
            "The object holds the array of records `b`, and as many values in `a`: whether",
        ),
        (
            '{"b": [{"x": 1}, {"x": 2}], "a": [1, 2]}',
            "The object holds the array of records `b`, and as many values in `a`",
        ),
        ('{"a": [1, 2], "a": [3, 4]}', "A record has more than one value called `a`"),
        ('{"a": [{"x": 1}], "a": 1}', "A record has more than one value called `a`"),
        ('[{"a": 1, "": 2}]', "A record has a value without a name"),
        ('[{"a": 1, " ": 2}]', "A record has a value without a name"),
        ('[null, {"a": 1}]', "Record 1 is no object"),
        ('{"u1": {"a": 1}, "u2": {"a": 2}}', "It is an object of objects"),
        ('{"columns": ["a"], "index": [0], "data": [[1]]}', "The names of the columns stand apart from the rows"),
        ("[" * 100_000, "A value in line 1 is nested too deeply to be read"),
        ('[{"a": ' + "1" * 5000 + "}]", "The JSON is broken in line 1: it has a number of more than 4,300 digits"),
        ('[{"a": "\\ud800"}]', "A text from record 1 on has half of a character"),
    ],
)
def test_what_is_no_table_is_said(tmp_path: Path, content: str, what: str) -> None:
    """A document that is broken, or of which nothing says what the table is, is refused for what it is."""
    with pytest.raises(DataUnreadable) as raised:
        ingest(tmp_path, content)
    assert raised.value.what.startswith(what)
    assert raised.value.fix


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ('{"a": }', "Line 3 is no record of JSON: Expecting value (column 7)"),
        ("{'a': 1}", "Line 3 is no record of JSON: it has single quotes"),
        ('{"a": ' + "[" * 100_000, "A value in line 3 is nested too deeply to be read"),
        ("[1]", "Line 3 is no record of JSON: it is no object"),
        ('{"a": 1} {"a": 2}', "Line 3 is no record of JSON: something follows it (column 9)"),
        ('{"a": 1, "a": 2}', "A record has more than one value called `a`"),
    ],
)
def test_a_line_that_is_no_record_is_named(tmp_path: Path, line: str, what: str) -> None:
    """Blank lines count, and are no records."""
    with pytest.raises(DataUnreadable) as raised:
        ingest(tmp_path, f'{{"a": 1}}\n\n{line}\n{{"a": 2}}\n'.replace("\n\n", '\n{"a": 0}\n'), "x.jsonl")
    assert raised.value.what.startswith(what)
    assert raised.value.where.endswith("line 3")


@pytest.mark.parametrize(("end", "is_told"), [("", True), ("\n", False)])
def test_a_last_line_that_is_cut_off_tells_that_more_may_be_missing(tmp_path: Path, end: str, is_told: bool) -> None:
    """To remove it would lose, unseen, all that came behind it; what ends with its line did not break off there."""
    with pytest.raises(DataUnreadable, match="Line 3 is no record of JSON: Unterminated string") as raised:
        ingest(tmp_path, '{"a": "x"}\n{"a": "y"}\n{"a": "z' + end, "x.jsonl")
    assert ("perhaps its transfer broke off: send it again" in raised.value.fix) == is_told


def test_a_document_is_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever a piece ends, in a number, a text or between two records, the values are the same."""
    records = [{"a": number, "b": "x" * (number % 7), "c": {"d": number / 4}} for number in range(1, 60)]
    content = json.dumps({"before": [1, 2], "rows": records, "after": "x"}, indent=1)
    for size in (1, 2, 7, 64):
        folder = tmp_path / str(size)
        folder.mkdir()
        monkeypatch.setattr(json_text, "_CHUNK_CHARACTERS", size)
        _, columns = ingest(folder, content)
        assert columns["a"] == list(range(1, 60))
        assert columns["c.d"] == [number / 4 for number in range(1, 60)]


def test_names_without_number_are_too_many_columns(tmp_path: Path) -> None:
    """An object by id in each record is refused with the setting, before it takes the memory."""
    lines = "".join(json.dumps({f"id{number}": 1}) + "\n" for number in range(60))
    with pytest.raises(DataUnreadable, match="The table has 60 columns; 50 are allowed"):
        ingest(tmp_path, lines, "x.jsonl", Limits(columns=50))


def test_blocks_with_other_names_are_one_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that begins far down, or ends early, is missing elsewhere."""
    from pipeline_worker.stages.ingest import json_records

    monkeypatch.setattr(json_records, "_BLOCK_CELLS", 4)
    lines = "".join(json.dumps({"a": n, "b": n} if n < 5 else {"a": n, "c": str(n)}) + "\n" for n in range(10))
    _, columns = ingest(tmp_path, lines, "x.jsonl", column_types={"c": "text"})
    assert columns["a"] == list(range(10))
    assert columns["b"] == [0, 1, 2, 3, 4, None, None, None, None, None]
    assert columns["c"] == [None] * 5 + ["5", "6", "7", "8", "9"]
