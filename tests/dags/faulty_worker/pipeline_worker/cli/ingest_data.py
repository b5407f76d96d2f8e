"""The stage `ingest`, with faults."""

from pipeline_worker.faults import main

if __name__ == "__main__":
    main("ingest")
