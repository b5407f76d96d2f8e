"""Receipts in a real store, found and listed with what the commands know."""

import errno
import io
import json
from datetime import UTC, datetime

import pytest

from cli.errors import InputRefused, StoreUnreachable
from cli.runs.receipts import Receipts
from cli.runs.store import PART_SIZE, StackStore
from cli.settings import read_settings
from pipeline_contract.run_key import make_digest
from tests.s3_client import open_client

PREFIX = "ml-pipeline-runs/receipts/"


@pytest.fixture(scope="module")
def settings(weed, tmp_path_factory):
    """Give settings that lead to the test's own server."""
    return read_settings(
        {
            "PIPELINE_ENV_FILE": str(tmp_path_factory.mktemp("env") / ".env"),
            "OBJECT_STORAGE_ENDPOINT_URL": weed.endpoint_url,
            "OBJECT_STORAGE_DROP_ACCESS_KEY": weed.access_key,
            "OBJECT_STORAGE_DROP_SECRET_KEY": weed.secret_key,
            "ML_PIPELINE_DROP_BUCKET": "receipt-drops",
            "ML_PIPELINE_ARTIFACT_BUCKET": "receipt-artifacts",
        }
    )


@pytest.fixture(scope="module")
def client(weed, settings):
    """Give a client that may do everything, with both buckets made."""
    client = open_client(weed)
    for bucket in ("receipt-drops", "receipt-artifacts"):
        client.create_bucket(Bucket=bucket)
    client.put_bucket_versioning(Bucket="receipt-drops", VersioningConfiguration={"Status": "Enabled"})
    return client


def put_receipt(client, dataset, run_key, **values):
    """Put a receipt, or what is given in its place."""
    document = {
        "run_key": run_key,
        "dataset": dataset,
        "state": "published",
        "updated_at": "2026-11-22T21:55:00Z",
    } | values
    client.put_object(
        Bucket="receipt-artifacts", Key=f"{PREFIX}{dataset}/{run_key}.json", Body=json.dumps(document).encode()
    )


def test_a_drop_is_found_by_its_digest(client, settings):
    """The run of a drop is found by the version that was put, in the folder of its exact dataset name."""
    version = client.put_object(Bucket="receipt-drops", Key="Größe/x.csv", Body=b"a\n1\n")["VersionId"]
    digest = make_digest("receipt-drops", "Größe/x.csv", version)
    receipts = Receipts(settings, StackStore(settings))
    since = datetime(2026, 11, 22, 21, 55, tzinfo=UTC)
    put_receipt(client, "Größe", "groe.20251122T215500Z.00000000")
    assert receipts.find_drop("Größe", digest, since) is None
    put_receipt(client, "Größe", f"groe.20261122T215501Z.{digest}")
    assert receipts.find_drop("Größe", digest, since).run_key.endswith(digest)


def test_a_run_is_found_by_its_key_alone(client, settings):
    """A run key is enough, also where the dataset's name is not the slug; an unknown one gets the nearest."""
    put_receipt(client, "Strange Name", "strange-name.20261122T215500Z.11111111")
    receipts = Receipts(settings, StackStore(settings))
    assert receipts.find("strange-name.20261122T215500Z.11111111").dataset == "Strange Name"
    with pytest.raises(InputRefused, match=r"Did you mean `strange-name\.20261122T215500Z\.11111111`"):
        receipts.find("strange-name.20261122T215500Z.11111112")


def test_the_last_receipts_come_newest_first(client, settings):
    """The last change comes first, and what is no receipt is left out."""
    put_receipt(client, "a", "a.20261122T215500Z.22222222", updated_at="2099-01-01T00:00:02Z")
    put_receipt(client, "b", "b.20261122T215500Z.33333333", updated_at="2099-01-01T00:00:03Z")
    client.put_object(Bucket="receipt-artifacts", Key=f"{PREFIX}a/other.json", Body=b"[]")
    last = Receipts(settings, StackStore(settings)).read_last(10)
    assert [receipt.dataset for receipt in last][:2] == ["b", "a"]
    assert all(receipt.run_key for receipt in last)


@pytest.mark.parametrize("size", [10, PART_SIZE + 1, 3 * PART_SIZE])
def test_files_go_up_whole_with_their_version(client, settings, tmp_path, size):
    """Small files and files in parts arrive whole, and the version is known, by which the run is found."""
    path = tmp_path / "data.bin"
    path.write_bytes(bytes(range(256)) * (size // 256) + b"x" * (size % 256))
    moved = []
    version, _ = StackStore(settings).upload("receipt-drops", f"up/{size}", path, moved.append)
    assert sum(moved) == size
    stored = client.get_object(Bucket="receipt-drops", Key=f"up/{size}", VersionId=version)
    assert stored["Body"].read() == path.read_bytes()


def test_an_upload_that_fails_leaves_nothing(client, settings, tmp_path):
    """Parts of an upload that came to nothing are taken back, as nobody would ever see them."""
    path = tmp_path / "data.bin"
    path.write_bytes(b"x" * (2 * PART_SIZE))

    def interrupt(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        StackStore(settings).upload("receipt-drops", "interrupted", path, interrupt)
    assert not client.list_multipart_uploads(Bucket="receipt-drops").get("Uploads")


def test_a_file_that_cannot_be_read_is_no_fault_of_the_store(client, settings, tmp_path, monkeypatch):
    """A disk that fails in the middle of an upload is told with the file's name, and nothing is put."""

    class Broken(io.BytesIO):
        def read(self, _):
            raise OSError(errno.EIO, "Input/output error")

    path = tmp_path / "data.bin"
    path.write_bytes(b"x")
    monkeypatch.setattr(type(path), "open", lambda *_: Broken())
    with pytest.raises(InputRefused, match=r"data\.bin cannot be read: Input/output error\."):
        StackStore(settings).upload("receipt-drops", "broken", path, print)
    assert StackStore(settings).read("receipt-drops", "broken") is None


def test_a_bucket_that_is_missing_is_said(client, settings):
    """It is told apart from an object that is not there, with what makes buckets."""
    with pytest.raises(StoreUnreachable, match=r"refuses s3://receipt-none/x: (.|\n)*`make up` makes the buckets"):
        StackStore(settings).read("receipt-none", "x")


def test_a_store_that_is_down_is_said(settings):
    """A person whose store does not answer is told where it should be and what starts it."""
    values = {**settings.values, "OBJECT_STORAGE_ENDPOINT_URL": "http://127.0.0.1:9"}
    down = type(settings)(settings.root, settings.state, settings.env_file, values)
    with pytest.raises(StoreUnreachable, match=r"does not answer at http://127\.0\.0\.1:9(.|\n)*make up"):
        StackStore(down).read("receipt-drops", "x")


def test_a_refused_key_is_said(settings, weed):
    """A wrong key is named by its setting, never by its value."""
    values = {**settings.values, "OBJECT_STORAGE_DROP_SECRET_KEY": "wrong-secret"}
    wrong = type(settings)(settings.root, settings.state, settings.env_file, values)
    with pytest.raises(StoreUnreachable, match="OBJECT_STORAGE_DROP_ACCESS_KEY") as refused:
        StackStore(wrong).put("receipt-drops", "x", b"")
    assert "wrong-secret" not in str(refused.value)
    assert weed.access_key not in str(refused.value)
