"""`status` names what stands still: tasks without a sign of life, tasks that wait for a slot, and a watch that nobody keeps."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cli.stacks.standing import Task, describe_left, describe_silent, describe_waiting, describe_watch

RUN_KEY = "penguins.20260131T120000Z.1a2b3c4d"
RUNNING = Task("train", "train_model", "running", "stages", RUN_KEY, 3.0, 500.0)
SENSOR = Task("watch", "wait_for_drop", "running", "default_pool", "", 2.0, 9000.0)
WAITING = Task("ingest", "ingest_data", "scheduled", "stages", "", None, 125.0)


def test_a_task_without_a_sign_of_life_is_named() -> None:
    """The task, its run and how long; of the sensor, that no drop is taken up meanwhile; nothing of those that are well."""
    assert list(describe_silent([RUNNING, SENSOR, WAITING])) == []
    (of_stage,) = describe_silent([replace(RUNNING, silent=200.0), SENSOR])
    assert of_stage.startswith(f"`train_model` of {RUN_KEY} gave no sign of life for 3 min 20 s: ")
    (of_sensor,) = describe_silent([RUNNING, replace(SENSOR, silent=90.0)])
    assert of_sensor.startswith("`wait_for_drop` gave no sign of life for 90.0 s, and no drop is taken up meanwhile: ")


def test_what_waits_for_a_slot_is_told_with_what_has_it() -> None:
    """How many wait in a pool, the longest of them, and what runs there; a short wait is none."""
    assert list(describe_waiting([RUNNING, replace(WAITING, waited=20.0)])) == []
    longer = replace(WAITING, run_key=RUN_KEY, waited=300.0)
    (said,) = describe_waiting([RUNNING, SENSOR, WAITING, longer])
    assert said == (
        f"2 tasks wait for a slot of the pool `stages`, the longest `ingest_data` of {RUN_KEY} for 5 min 00 s; "
        f"in it runs `train_model` of {RUN_KEY}."
    )


def test_a_watch_that_nobody_keeps_is_told() -> None:
    """Between two looks there is none for a moment; for a minute there is something wrong."""
    assert list(describe_watch([RUNNING], 5.0)) == list(describe_watch([SENSOR], 500.0)) == []
    (said,) = describe_watch([RUNNING], 500.0)
    assert said.startswith("Nothing has looked for drops for 8 min 20 s")


def test_files_that_nothing_takes_are_told() -> None:
    """How many lie there for long and the oldest of them; what landed just now and what is no drop are none."""
    now = datetime(2026, 1, 31, 12, tzinfo=UTC)

    def put(key: str, seconds: float) -> tuple[str, datetime]:
        return key, now - timedelta(seconds=seconds)

    others = [put("penguins/_params.json", 9000.0), put("_sources/a.csv", 9000.0), put("b/new.csv", 20.0)]
    assert list(describe_left("drops", others, now)) == []
    (one,) = describe_left("drops", [*others, put("b/old\n.csv", 300.0)], now)
    assert one.startswith(
        "1 file lies in the drop bucket and was not taken up for 5 min 00 s: s3://drops/b/old\\n.csv. "
    )
    (two,) = describe_left("drops", [*others, put("b/old.csv", 300.0), put("a/older.csv", 400.0)], now)
    assert two.startswith(
        "2 files lie in the drop bucket and were not taken up, the longest for 6 min 40 s: s3://drops/a/older.csv. "
    )
