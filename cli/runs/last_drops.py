"""What happened to the last drops and why; the part of `status` that is about runs."""

from dataclasses import replace
from datetime import UTC, datetime

from rich.text import Text

from cli.errors import StoreUnreachable
from cli.runs.airflow_api import Airflow, DagRun
from cli.runs.attempts import AttemptRecord, add_runs_without_attempt, find_runs, read_attempts, tell_asker, tell_result
from cli.runs.ready_command import make_commands
from cli.runs.receipts import Receipts
from cli.runs.report import choose_notes, collect_links, make_metric_rows, report_reason
from cli.runs.store import StackStore
from cli.settings import StackSettings
from cli.show import Show, describe_seconds, first_sentence
from cli.stacks.standing import find_left, find_standing
from pipeline_contract.escape import escape
from pipeline_contract.records import Receipt
from pipeline_contract.run_key import RunKey
from pipeline_contract.stages import LAST, STAGES
from pipeline_contract.state import State

COUNT = 10
_MARKS = {
    LAST.state: ("✓", "green"),
    "committed": ("✓", "green"),
    "replaced": ("✓", "dim"),
    "no work": ("✓", "dim"),
    State.REFUSED: ("✗", "red"),
    State.FAILED: ("✗", "red"),
    State.WAITING: ("!", "yellow"),
    "no word": ("!", "yellow"),
}
#: Which stage follows each state but the last.
_NEXT = dict(zip((State.CLAIMED, *(stage.state for stage in STAGES.values())), STAGES, strict=False))


def show_last_drops(settings: StackSettings) -> None:
    """Write the last drops, newest first, and what keeps Airflow from taking up more."""
    show = Show()
    receipts = Receipts(settings, StackStore(settings, is_patient=False))
    try:
        found = receipts.read_last(COUNT)
    except StoreUnreachable as error:
        show.print(f"\nThe last drops are not known: {error}")
        return
    show.print(
        "\nLast drops and triggers, by their last change" if found else "\nNothing was dropped yet: make drop FILE=…"
    )
    for receipt in found:
        head = Text.assemble(
            f"  {describe_time(receipt)}  ",
            describe_state_with_mark(receipt),
            f"  {receipt.run_key}{tell_name(receipt)}",
        )
        show.console.print(head, soft_wrap=True)
        for note in filter(None, (describe_note(receipt), describe_notes(receipt))):
            show.write(Text(" " * 18), note)
    if found:
        show.print(f"\n  All of one: make status RUN={found[0].run_key}")
    with Airflow(settings) as airflow:
        obstacles = airflow.find_obstacles()
    # A Dag that is paused, or a server that is down, says already why.
    for obstacle in [*(obstacles or find_standing(settings)), *find_left(settings)]:
        show.print(f"  ! {obstacle}", "yellow")


def show_run(settings: StackSettings, run_key: str) -> None:
    """Write all that is known of one run, its attempts too; an unknown one is refused, with the nearest that there is."""
    show = Show()
    receipt = Receipts(settings, StackStore(settings)).find(run_key)
    show.console.print(Text.assemble(describe_state_with_mark(receipt), f"  {receipt.run_key}"), soft_wrap=True)
    show.print(f"  file     {escape(receipt.file or 'none')}")
    show.print(f"  dataset  {escape(receipt.dataset)}")
    show.print(f"  changed  {receipt.updated_at}\n")
    show_stages(receipt, show)
    live = take_live(receipt)
    if rows := make_metric_rows(live.facts):
        show.print()
        show.print_table([("", "model", "baseline"), *rows])
    if receipt.reason:
        show.print()
        report_reason(receipt.reason, show)
        for command in make_commands(receipt.reason.fix, receipt.stage or "", receipt.run_key):
            show.print(f"  {command}")
    show.print()
    attempts: list[AttemptRecord] | None = None
    try:
        attempts = read_attempts(settings, run_key)
    except StoreUnreachable as error:
        show.print(f"  The attempts are not known: {error}")
    with Airflow(settings) as airflow:
        runs = find_runs(airflow, run_key, attempts or ())
    if attempts is not None:
        _show_attempts(attempts, runs, receipt, show)
    show.print_links(collect_links(live, None) | {f"Airflow, {run.dag_id}": run.url for run in runs or ()})


def show_stages(receipt: Receipt, show: Show) -> None:
    """Write a line for each stage of a run, with what a person should know of it below."""
    for stage, summary in receipt.stages.items():
        took = "" if summary.seconds is None else describe_seconds(summary.seconds)
        reached = summary.headline if summary.state == State.DONE else first_sentence(summary.headline or summary.state)
        show.write(Text(f"  {stage:<9}{took:>9}  "), reached)
        for note in summary.notes:
            show.write(Text(f"{'':22}- "), note)
        if summary.more_notes:
            show.print(f"{'':22}- and {summary.more_notes} more, in profile.json and the report")


def _show_attempts(attempts: list[AttemptRecord], runs: list[DagRun] | None, receipt: Receipt, show: Show) -> None:
    """Write a line for each attempt: when, how it ended, who asked for it, with what, and why it ended so."""
    attempts = add_runs_without_attempt(attempts, runs or ())
    if not attempts:
        return
    by_id = {(run.dag_id, run.dag_run_id): run for run in runs or ()}
    times = [describe_moment(attempt.at) for attempt in attempts]
    width = max(map(len, times))
    show.print("  Attempts (`replaced`: committed, until a later one was)")
    for number, (attempt, time) in enumerate(zip(attempts, times, strict=True)):
        run = by_id.get((attempt.stage, attempt.dag_run_id))
        result, why = tell_result(attempt, run, receipt, attempts[number + 1 :])
        mark, style = _MARKS.get(result, ("…", "cyan"))
        head = Text.assemble(f"  {attempt.stage:<9} {time:<{width}}  ", (f"{mark} {result:<9}", style), "  ")
        show.write(head, tell_asker(attempt, run) + (f": {why}" if why else ""))
    if runs is None:
        show.print("  Airflow does not answer: who triggered is not known, nor are Dag runs that began no attempt.")
    show.print()


def is_rerun_of_published(receipt: Receipt) -> bool:
    """Return whether a stage ran again after the run was published, and has not led to another publication."""
    return bool(receipt.published) and receipt.state != LAST.state


def take_live(receipt: Receipt) -> Receipt:
    """Return the receipt with the facts of what people use, the published model's where there is one, and its links beside its own."""
    live = receipt.published or {}
    links = {**(live.get("links") or {}), **receipt.links}
    return replace(receipt, facts=live.get("facts") or receipt.facts, links=links)


def describe_state_with_mark(receipt: Receipt) -> tuple[str, str]:
    """Return the state in words behind its mark, and its colour; what is published and live is no failure."""
    mark, style = _MARKS.get(receipt.state, ("…", "cyan"))
    if is_rerun_of_published(receipt) and receipt.state in {State.REFUSED, State.FAILED}:
        mark, style = _MARKS[State.WAITING]
    return f"{mark} {describe_state(receipt)}", style


def tell_name(receipt: Receipt) -> str:
    """Return the dataset's name where the run key, which has room for letters and digits only, does not tell it."""
    return "" if RunKey.parse(receipt.run_key).slug == receipt.dataset else f"  of `{escape(receipt.dataset)}`"


def describe_state(receipt: Receipt) -> str:
    """Return the state of a run in words, with the stage where it matters."""
    if is_rerun_of_published(receipt):
        version = take_live(receipt).facts.get("model_version")
        last = replace(receipt, published=None)
        verb = "was " if receipt.state == State.REFUSED else "" if receipt.state == State.FAILED else "is "
        return f"published (version {version}); the last re-run {verb}{describe_state(last)}"
    if receipt.state in {State.REFUSED, State.FAILED, State.WAITING}:
        return f"{receipt.state} {'by' if receipt.state == State.REFUSED else 'in'} {receipt.stage}"
    if receipt.state in _NEXT:
        return f"{receipt.state}, {_NEXT[receipt.state]} follows"
    return receipt.state


def describe_note(receipt: Receipt) -> str:
    """Return in one line why it stopped, or the last thing that was reached."""
    if receipt.reason:
        return first_sentence(receipt.reason.what)
    reached = [summary.headline for summary in receipt.stages.values() if summary.headline]
    return reached[-1] if reached else ""


def describe_notes(receipt: Receipt) -> str:
    """Return in one line what a person should know of a run: the first two notes, without what to do, and how many more."""
    notes, more = choose_notes(receipt)
    said = [note.partition("; ")[0].rstrip(".") for note in notes]
    return f"To know: {'; '.join(said + [f'and {more} more'] * bool(more))}." if said else ""


def describe_time(receipt: Receipt) -> str:
    """Return when the receipt changed, in the time zone of this machine; the day where it was not today."""
    try:
        changed = datetime.fromisoformat(receipt.updated_at)
    except ValueError:
        changed = RunKey.parse(receipt.run_key).time
    return describe_moment(changed)


def describe_moment(moment: datetime) -> str:
    """Return a time in the time zone of this machine; the day where it was not today."""
    moment = moment.astimezone()
    is_today = moment.date() == datetime.now(UTC).astimezone().date()
    return f"{moment:%H:%M:%S}" if is_today else f"{moment:%Y-%m-%d %H:%M}"
