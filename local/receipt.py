"""What became of a drop, as its receipt says. Read with the key of people who drop files."""

import contextlib
import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from local.errors import InputRefused
from local.run_key import is_run_key, make_slug, read_time
from local.settings import Settings
from local.store import Store


@dataclass(frozen=True)
class Reason:
    """Why a run stopped, or waits."""

    what: str
    where: str
    fix: str
    runbook: str
    details: Mapping[str, Any]


@dataclass(frozen=True)
class Summary:
    """How one stage went. `state`: running, done, refused, waiting or failed; `seconds`: of its work alone.

    `notes`: the first of what a person should know; `more_notes`: how many are not here.
    """

    state: str
    attempt: str
    headline: str
    seconds: float | None
    notes: Sequence[str] = ()
    more_notes: int = 0


@dataclass(frozen=True)
class Receipt:
    """One run. `state`: claimed, ingested, validated, trained, published, refused, waiting or failed.

    `published`: what the run has published, with facts and links; it stays while a stage of the run runs again.
    """

    run_key: str
    dataset: str
    file: str
    state: str
    stage: str
    reason: Reason | None
    updated_at: str
    links: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    stages: Mapping[str, Summary] = field(default_factory=dict)
    published: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_rerun_of_published(self) -> bool:
        """Whether a stage ran again after the run was published, and has not led to another publication."""
        return bool(self.published) and self.state != "published"

    @property
    def live_facts(self) -> Mapping[str, Any]:
        """The facts of what people use: the published model's, where there is one."""
        return dict(self.published.get("facts") or self.facts)

    @property
    def live_links(self) -> Mapping[str, str]:
        """All links, those of the published model among them."""
        return dict(self.published.get("links") or {}) | dict(self.links)


def parse_receipt(content: bytes) -> Receipt:
    """Return the receipt that a JSON document holds; what is not in it is empty."""
    values = json.loads(content)
    reason = values.get("reason")
    return Receipt(
        run_key=values["run_key"],
        dataset=values["dataset"],
        file=values.get("file") or "",
        state=values["state"],
        stage=values.get("stage") or "",
        reason=parse_reason(reason) if reason else None,
        updated_at=values.get("updated_at") or "",
        links=values.get("links") or {},
        facts=values.get("facts") or {},
        stages={
            stage: Summary(
                summary.get("state") or "",
                summary.get("attempt") or "",
                summary.get("headline") or "",
                summary.get("seconds"),
                summary.get("notes") or (),
                summary.get("more_notes") or 0,
            )
            for stage, summary in (values.get("stages") or {}).items()
        },
        published=values.get("published") or {},
    )


def parse_reason(values: Mapping[str, Any]) -> Reason:
    """Return the reason that a receipt gives; what is not in it is empty."""
    words = {name: values.get(name) or "" for name in ("what", "where", "fix", "runbook")}
    return Reason(**words, details=values.get("details") or {})


class Receipts:
    """All receipts of a stack."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._store = store
        self._bucket = settings.artifact_bucket
        self._prefix = f"{settings.artifact_prefix}/receipts/"

    def read(self, dataset: str, run_key: str) -> Receipt | None:
        """Return the receipt of a run, None where there is none yet."""
        return self._read(f"{self._prefix}{dataset}/{run_key}.json")

    def find_drop(self, dataset: str, digest: str, since: datetime) -> Receipt | None:
        """Return the receipt of the drop whose run key ends with this digest; it landed after `since`."""
        folder = f"{self._prefix}{dataset}/"
        # Keys of a dataset sort by time, so that not all earlier runs need to be listed.
        after = f"{folder}{make_slug(dataset)}.{since - timedelta(hours=1):%Y%m%dT%H}"
        for key, _ in self._store.list(self._bucket, folder, after):
            if key.endswith(f".{digest}.json"):
                return self._read(key)
        return None

    def find(self, run_key: str) -> Receipt:
        """Return the receipt of a run by its key alone; an unknown one is refused, with the nearest that there is."""
        if is_run_key(run_key):
            likely = self.read(run_key.split(".", maxsplit=1)[0], run_key)
            if likely:
                return likely
        known = {key.rpartition("/")[2].removesuffix(".json"): key for key, _ in self._list()}
        found = self._read(known[run_key]) if run_key in known else None
        if found is None:
            near = difflib.get_close_matches(run_key, known, n=1, cutoff=0.6)
            raise InputRefused(
                f"There is no run `{run_key}`.{f' Did you mean `{near[0]}`?' if near else ''}\n"
                "`make status` lists the last ones; a run is named by its whole key."
            )
        return found

    def read_dataset(self, dataset: str) -> list[Receipt]:
        """Return the receipts of a dataset."""
        found = [key for key, _ in self._store.list(self._bucket, f"{self._prefix}{dataset}/")]
        with ThreadPoolExecutor(8) as threads:
            return [receipt for receipt in threads.map(self._read, found) if receipt]

    def read_last(self, count: int) -> list[Receipt]:
        """Return the receipts that changed last, newest first."""
        newest = sorted(self._list(), key=lambda entry: entry[1], reverse=True)[:count]
        with ThreadPoolExecutor(8) as threads:
            found = [receipt for receipt in threads.map(self._read, [key for key, _ in newest]) if receipt]
        # Times are whole seconds in some stores: the run's own time decides between equals.
        return sorted(found, key=lambda receipt: (receipt.updated_at, read_time(receipt.run_key)), reverse=True)

    def _list(self) -> Iterator[tuple[str, datetime]]:
        return self._store.list(self._bucket, self._prefix)

    def _read(self, key: str) -> Receipt | None:
        content = self._store.read(self._bucket, key)
        with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
            # What someone else put there is no receipt.
            return parse_receipt(content) if content is not None else None
        return None
