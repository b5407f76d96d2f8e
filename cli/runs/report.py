"""Tells a person how a run ended: what there is now and where; or why it stopped, and what to do."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from cli.errors import AirflowUnreachable
from cli.runs.airflow_api import Airflow, DagRun
from cli.runs.ready_command import make_commands
from cli.runs.run_status import FollowedRun, RunStatus, choose_runs
from cli.show import Show, describe_seconds, first_sentence
from pipeline_contract.escape import escape
from pipeline_contract.records import Reason, Receipt
from pipeline_contract.stages import FIRST, LAST
from pipeline_contract.state import State

#: Notes that are told of a run beside its end; its receipt has more of them.
_NOTES = 2
_REASON_WIDTH = len("what to do")
#: What links are called for people; others keep their name.
_NAMES = {"mlflow_run": "MLflow run", "model": "MLflow model", "model_file": "model file", "failure": "failure record"}


def report_end(
    followed: FollowedRun,
    status: RunStatus,
    receipt: Receipt | None,
    runs: Sequence[DagRun],
    airflow: Airflow,
    show: Show,
) -> int:
    """Say how it ended; return the exit code: 0 when everything that was asked for is done."""
    newest = choose_runs(followed, runs)
    if status.end in {LAST.state, State.DONE} and receipt is not None:
        report_done(status, receipt, show)
        stage = followed.stages[-1]
        links = collect_links(receipt, newest.get(stage))
        links.pop("validation", None)  # of interest when it failed; `make status RUN=` has it
        show.print_links(links)
        return 0
    stopped = next((step.stage for step in status.steps if step.state in {State.REFUSED, State.FAILED}), followed.first)
    run = newest.get(stopped)
    show.print()
    show.print(f"Stopped at {stopped}: {followed.run_key}", "bold red")
    if status.reason is not None:
        report_reason(status.reason, show)
    elif run is not None:
        for word in _read_last_words(airflow, run):
            show.print(f"  {escape(word)}")
    record = receipt.links.get("failure") if receipt and status.reason else None
    show.print_links(({"record": record} if record else {}) | ({"log": run.url} if run else {}), width=_REASON_WIDTH)
    show.print(f"\n{advise(followed, stopped, status.reason.fix if status.reason else '')}")
    return 1


def advise(followed: FollowedRun, stopped: str, fix: str = "") -> str:
    """Return what can be done once the reason is mended; with the parameters of *fix*, what to do, as ready commands."""
    commands = make_commands(fix, stopped, followed.run_key)
    if followed.origin == "trigger" and stopped == FIRST.name and not commands:
        return "Nothing of it was begun: trigger it again when that is mended."
    again = f"make rerun STAGE={stopped} RUN={followed.run_key}"
    if followed.origin == "drop":
        mended = "Mended data: drop the file again. Other parameters, on what is there:"
        return "\n  ".join([mended, *commands]) if commands else f"{mended} {again} PARAMS='{{…}}'"
    if commands:
        return "\n  ".join(["When that is mended, or on what is there:", *commands])
    return f"When that is mended: {again}"


def report_done(status: RunStatus, receipt: Receipt, show: Show) -> None:
    """Say what was reached, and the model's numbers."""
    show.print()
    if status.end == LAST.state:
        facts = receipt.facts
        name = f"models:/{facts.get('model_name', receipt.dataset)}"
        is_newest = facts.get("alias_moved") is not False
        version = facts.get("model_version")
        address = f"{name}@newest (version {version})" if is_newest else f"{name}/{version}"
        show.print(f"Published in {describe_seconds(show.seconds)}: {address}", "bold green")
        if not is_newest:
            show.print("  A later run is published already, so the alias `newest` stays where it is.")
    else:
        show.print(f"Done in {describe_seconds(show.seconds)}, and nothing after it: {receipt.run_key}", "bold green")
    if rows := make_metric_rows(receipt.facts):
        show.print_table([("", "model", "baseline"), *rows])
    notes, more = choose_notes(receipt)
    for note in notes:
        show.write(Text("  to know  "), note)
    if more:
        show.print(f"           and {more} more: make status RUN={receipt.run_key}")
    show.print()


def report_reason(reason: Reason, show: Show) -> None:
    """Say what happened, where, and what to do; each broken rule on a line of its own."""
    broken = describe_rules(reason.details)
    what = first_sentence(reason.what) if broken else reason.what
    rest = (("where", reason.where), ("what to do", reason.fix), ("more", reason.runbook))
    for name, text in (("what", what), *(("", rule) for rule in broken), *rest):
        if text:
            show.write(Text(f"  {name:<{_REASON_WIDTH}}  "), text)


def describe_rules(details: Mapping[str, Any]) -> list[str]:
    """Return a line for each rule that the details of a refusal say is broken."""
    rules = details.get("rules")
    return [
        f"{rule.get('column') or ', '.join(rule.get('columns', ())) or rule.get('rule')}: expected {rule.get('expected')}; found {rule.get('found')}"
        + (f". {rule['note']}" if rule.get("note") else "")
        for rule in (rules if isinstance(rules, list) else [])
        if isinstance(rule, Mapping) and rule.get("satisfied") is False and rule.get("severity") != "warning"
    ]


def choose_notes(receipt: Receipt) -> tuple[list[str], int]:
    """Return the first notes of what a person should know of a run, and how many more there are."""
    notes = [note for summary in receipt.stages.values() for note in summary.notes]
    return notes[:_NOTES], len(notes[_NOTES:]) + sum(summary.more_notes for summary in receipt.stages.values())


def collect_links(receipt: Receipt, run: DagRun | None) -> dict[str, str]:
    """Return the addresses that belong to a run, by what people call them."""
    links = {_NAMES.get(name, name): address for name, address in receipt.links.items()}
    return links | ({"Airflow": run.url} if run else {})


def make_metric_rows(facts: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Return name, the model's value and the baseline's of each metric among the facts of a receipt."""
    rows = facts.get("metrics_shown")
    # They are shown as the worker wrote them, so that a number is the same here and in the report.
    return [(str(name), str(model), str(baseline)) for name, model, baseline in rows] if isinstance(rows, list) else []


def _read_last_words(airflow: Airflow, run: DagRun) -> list[str]:
    try:
        return airflow.read_last_words(run)
    except AirflowUnreachable as error:
        return [str(error)]
