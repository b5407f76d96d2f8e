"""Commits a manifest of the stage `publish`."""

from pipeline_worker.commit import main

if __name__ == "__main__":
    main("publish")
