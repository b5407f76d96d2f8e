"""What became of a drop, as its receipt says. Read with the key of people who drop files."""

import contextlib
import difflib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from cli.errors import InputRefused
from cli.runs.store import StackStore
from cli.settings import StackSettings
from pipeline_contract.layout import Layout
from pipeline_contract.records import Receipt, RecordInvalid
from pipeline_contract.run_key import RunKey, RunKeyInvalid, make_slug


class Receipts:
    """All receipts of a stack."""

    def __init__(self, settings: StackSettings, store: StackStore) -> None:
        self._store = store
        self._bucket = settings.artifact_bucket
        self._layout = Layout(settings.artifact_prefix)

    def read(self, dataset: str, run_key: str) -> Receipt | None:
        """Return the receipt of a run, None where there is none yet."""
        return self._read(self._layout.run(run_key).receipt(dataset))

    def find_drop(self, dataset: str, digest: str, since: datetime) -> Receipt | None:
        """Return the receipt of the drop whose run key ends with this digest; it landed after `since`."""
        folder = f"{self._layout.receipts}{dataset}/"
        # Keys of a dataset sort by time, so that not all earlier runs need to be listed.
        after = f"{folder}{make_slug(dataset)}.{since - timedelta(hours=1):%Y%m%dT%H}"
        for key, _ in self._store.list(self._bucket, folder, after):
            if key.endswith(f".{digest}.json"):
                return self._read(key)
        return None

    def find(self, run_key: str) -> Receipt:
        """Return the receipt of a run by its key alone; an unknown one is refused, with the nearest that there is."""
        with contextlib.suppress(RunKeyInvalid):
            likely = self.read(RunKey.parse(run_key).slug, run_key)
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
        found = [key for key, _ in self._store.list(self._bucket, f"{self._layout.receipts}{dataset}/")]
        with ThreadPoolExecutor(8) as threads:
            return [receipt for receipt in threads.map(self._read, found) if receipt]

    def read_last(self, count: int) -> list[Receipt]:
        """Return the receipts that changed last, newest first."""
        newest = sorted(self._list(), key=lambda entry: entry[1], reverse=True)[:count]
        with ThreadPoolExecutor(8) as threads:
            found = [receipt for receipt in threads.map(self._read, [key for key, _ in newest]) if receipt]
        # Times are whole seconds in some stores: the run's own time decides between equals.
        return sorted(found, key=lambda receipt: (receipt.updated_at, RunKey.parse(receipt.run_key).time), reverse=True)

    def _list(self) -> Iterator[tuple[str, datetime]]:
        return self._store.list(self._bucket, self._layout.receipts)

    def _read(self, key: str) -> Receipt | None:
        content = self._store.read(self._bucket, key)
        with contextlib.suppress(RecordInvalid):
            # What someone else put there is no receipt.
            return Receipt.read(content) if content is not None else None
        return None
