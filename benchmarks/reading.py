"""What reading a large file costs: CPU seconds beside those of DuckDB's `COPY` to Parquet, and the peak of memory.

    python3 -m venv .state/venvs/benchmarks
    .state/venvs/benchmarks/bin/pip install --no-deps --require-hashes -r worker/requirements.lock -r benchmarks/reading-requirements.lock
    PYTHONPATH=contract/src:worker/src .state/venvs/benchmarks/bin/python -m benchmarks.reading

The files are made once, always the same, below `.state/benchmarks/reading/`: with the usual options 1.1 GB of CSV, a part of it whose
last row has a word among numbers, so that its type is known only then, and 300 MB of JSON lines. Each step is a process of its own, and
the kernel says of it what it took. What `ingest` does to a file and DuckDB's `COPY` of the same file take turns; the ratio is the
median of the rounds, `COPY`'s CPU seconds by ours. Then, once for each file, the profile and a validation of the dataset that was
written. `reading.md` beside this file is written from it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

HERE = Path(__file__).parent
FOLDER = HERE.parent / ".state" / "benchmarks" / "reading"
BLOCK_ROWS = 250_000
#: What DuckDB reads each file by. It guesses types from the first 20,480 rows, and ends at a word after them: of such a file it is
#: told to look at all rows first.
SOURCES = {
    "large.csv": "read_csv('{path}')",
    "late.csv": "read_csv('{path}', sample_size = -1)",
    "records.jsonl": "read_json('{path}', format = 'newline_delimited')",
}
#: As a person might ask for them, on columns of each kind.
RULES = {
    "non_null_columns": ["id", "day"],
    "unique_columns": ["id"],
    "value_ranges": {"share": {"min": 0, "max": 1}},
    "allowed_values": {"region": ["north", "south", "east", "west", "central"]},
}


@dataclass(frozen=True)
class Took:
    """What a process took: CPU seconds of all its threads, and the most memory that it held, in MiB."""

    seconds: float
    peak: float


def main() -> int:
    """Make the files, measure each step, and write what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000, help="of the large CSV file")
    parser.add_argument("--late-rows", type=int, default=2_000_000, help="of the CSV file whose last row has a word")
    parser.add_argument("--json-rows", type=int, default=1_300_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--step", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        name, *arguments = options.step
        STEPS[name](*arguments)
        return 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    counts = (options.rows, options.late_rows, options.json_rows)
    measured = [measure(name, rows, options.rounds) for name, rows in zip(SOURCES, counts, strict=True)]
    lines = [list(measured[0]), ["---"] * len(measured[0]), *(list(each.values()) for each in measured)]
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    page = f"{_HEAD.format(rounds=options.rounds, processors=os.cpu_count())}\n{table}"
    (HERE / "reading.md").write_text(page, encoding="utf-8")
    print(page)
    return 0


_HEAD = """# What reading a large file costs

Written by `python -m benchmarks.reading`, which says how it is measured; {rounds} rounds on {processors} processors, with other work beside.
CPU seconds; `ratio` is DuckDB's by ours. Peaks are in MiB, as the kernel counts them.
"""


def measure(name: str, rows: int, rounds: int) -> dict[str, str]:
    """Return a line of the table for the file *name* of so many *rows*."""
    path = FOLDER / f"{rows}-{name}"
    if not path.exists():
        run("make", name, str(rows), str(path))
    ours, theirs = [], []
    for number in range(rounds):
        ours.append(run("convert", str(path)))
        theirs.append(run("copy", str(path), name))
        print(f"  {name} {number}: {ours[-1]} {theirs[-1]}", file=sys.stderr)
    ratio = statistics.median(they.seconds / we.seconds for we, they in zip(ours, theirs, strict=True))
    peaks = {"peak": ours, "peak of COPY": theirs}
    peaks |= {f"peak of the {step}": [run(step, str(path))] for step in ("profile", "validation")}
    return {
        "file": name,
        "MB": f"{path.stat().st_size / 1e6:,.0f}",
        "rows": f"{rows:,}",
        "seconds": f"{statistics.median(each.seconds for each in ours):.2f}",
        "seconds of COPY": f"{statistics.median(each.seconds for each in theirs):.2f}",
        "ratio": f"{ratio:.2f}",
    } | {what: f"{max(each.peak for each in took):,.0f}" for what, took in peaks.items()}


def run(*step: str) -> Took:
    """Run a step as a process of its own. What is made here has to stay small: a process begins with the peak of its parent."""
    child = os.posix_spawn(sys.executable, [sys.executable, "-m", "benchmarks.reading", "--step", *step], os.environ)
    _, status, usage = os.wait4(child, 0)
    assert status == 0, step
    return Took(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def make(name: str, count: str, target: str) -> None:
    """Write the file *name* with so many rows; what was begun before is written anew."""
    begun = Path(f"{target}.begun")
    tables = make_tables(int(count))
    if name.endswith(".jsonl"):
        with begun.open("w", encoding="utf-8") as file:
            for table in tables:
                lines = (json.dumps(row, default=str) for row in table.to_pylist())
                file.write("".join(f"{line}\n" for line in lines))
    else:
        import pyarrow.csv as arrow_csv

        first = next(tables)
        with arrow_csv.CSVWriter(begun, first.schema) as writer:
            writer.write_table(first)
            for table in tables:
                writer.write_table(table)
        if name == "late.csv":
            with begun.open("a", encoding="utf-8") as file:
                file.write('0,2020-01-01 00:00:00,2020-01-01,"north","none",1.5,0.5,many,0.5,true,"000000",1.5\n')
    begun.rename(target)


def make_tables(count: int) -> Iterator[pa.Table]:
    """Yield *count* rows of twelve columns: numbers, times, dates, labels, names, booleans, codes, and a column with gaps."""
    import numpy as np
    import pyarrow as pa

    random = np.random.default_rng(7)
    regions = np.array(["north", "south", "east", "west", "central"])
    for start in range(0, count, BLOCK_ROWS):
        rows = min(BLOCK_ROWS, count - start)
        began = np.datetime64("2020-01-01T00:00:00")
        yield pa.table(
            {
                "id": np.arange(start + 1, start + rows + 1),
                "when": began + random.integers(0, 150_000_000, rows).astype("timedelta64[s]"),
                "day": began.astype("datetime64[D]") + random.integers(0, 2000, rows).astype("timedelta64[D]"),
                "region": regions[random.integers(0, 5, rows)],
                "customer": [f"customer {number:05}" for number in random.integers(0, 20_000, rows)],
                "price": np.round(random.gamma(2, 30, rows), 2),
                "share": np.round(random.random(rows), 6),
                "count": random.integers(0, 500, rows),
                "amount": np.round(random.normal(0, 1e4, rows), 3),
                "flag": random.random(rows) < 0.3,
                "code": [f"{number:06}" for number in random.integers(0, 999_999, rows)],
                "score": pa.array(np.round(random.random(rows) * 100, 1), mask=random.random(rows) < 0.05),
            }
        )


def convert_file(path: str) -> None:
    """Read the file as `ingest` does, and write the dataset with its schema."""
    from pipeline_worker.request import IngestionConfig
    from pipeline_worker.stages.ingest.convert import convert
    from pipeline_worker.stages.ingest.data_format import find_format

    source = Path(path)
    converted = convert(
        source, FOLDER / "dataset.parquet", source.name, find_format(source, source.name), IngestionConfig()
    )
    (FOLDER / "schema.json").write_text(converted.schema.model_dump_json(), encoding="utf-8")


def copy_file(path: str, name: str) -> None:
    """Let DuckDB write the file as Parquet, as it would by itself."""
    import duckdb

    source = SOURCES[name].format(path=path)
    duckdb.sql(f"COPY (SELECT * FROM {source}) TO '{FOLDER / 'copy.parquet'}' (FORMAT parquet)")  # noqa: S608 - our own names


def profile_file(path: str) -> None:  # noqa: ARG001 - as of other steps
    """Make the profile of the dataset, as `ingest` does."""
    from pipeline_worker.schema import Schema
    from pipeline_worker.stages.ingest.profile import profile

    schema = Schema.model_validate_json((FOLDER / "schema.json").read_bytes())
    (FOLDER / "profile.json").write_text(json.dumps(profile(FOLDER / "dataset.parquet", schema)), encoding="utf-8")


def validate_file(path: str) -> None:  # noqa: ARG001 - as of other steps
    """Check the dataset against some rules, as `validate` does."""
    from pipeline_worker.request import DataValidation
    from pipeline_worker.schema import Schema
    from pipeline_worker.stages.validate.expectations import evaluate
    from pipeline_worker.stages.validate.rules import make_rules

    schema = Schema.model_validate_json((FOLDER / "schema.json").read_bytes())
    rules = make_rules(DataValidation.model_validate(RULES), schema, "flag")
    assert len(evaluate(rules, FOLDER / "dataset.parquet", schema)) == len(rules)


STEPS: dict[str, Callable[..., None]] = {
    "make": make,
    "convert": convert_file,
    "copy": copy_file,
    "profile": profile_file,
    "validation": validate_file,
}

if __name__ == "__main__":
    sys.exit(main())
