"""Command of the stage `validate`."""

from __future__ import annotations

from .command import exit_quickly, main

DESCRIPTION = """Check the data against the rules of `data_validation`, and stop the run where it breaks one."""

EXAMPLE = r"""  python -m pipeline_worker.cli.validate_data --store lake --run KEY \
      --params '{"data_validation": {"min_row_count": 100}}'"""

if __name__ == "__main__":
    exit_quickly(main("validate", DESCRIPTION, EXAMPLE))
