"""Command of the stage `ingest`."""

from __future__ import annotations

from .command import exit_quickly, main

DESCRIPTION = """Read what was dropped (CSV or Parquet), find its format and types once, and keep it as Parquet
with its schema and profile."""

EXAMPLE = r"""  mkdir -p lake/drops/_sources && cp examples/penguins/penguins.csv lake/drops/_sources/
  python -m pipeline_worker.cli.ingest_data --store lake \
      --params '{"data_source": "s3://drops/_sources/penguins.csv", "target_column": "species"}'"""

if __name__ == "__main__":
    exit_quickly(main("ingest", DESCRIPTION, EXAMPLE))
