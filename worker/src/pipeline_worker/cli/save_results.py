"""Command of the stage `publish`."""

from __future__ import annotations

from .command import exit_quickly, main

DESCRIPTION = """Publish the model file, register it in MLflow, and move the alias `newest` forward."""

EXAMPLE = r"""  python -m pipeline_worker.cli.save_results --store lake --run KEY"""

if __name__ == "__main__":
    exit_quickly(main("publish", DESCRIPTION, EXAMPLE))
