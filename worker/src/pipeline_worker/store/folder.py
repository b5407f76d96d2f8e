"""The store in a folder, for use on a laptop: `<folder>/<bucket>/<key>`, with the same conditional puts."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pipeline_contract.layout import split_uri
from pipeline_contract.s3 import ObjectMissing, PreconditionFailed

from ..errors import LocationRefused, StorageUnreachable
from .base import ObjectInfo, Store, refuse_long_name

#: Holds the lock and half-written files; begins with a dot, so it is never taken for a bucket.
_INTERNAL = ".store"


class FolderStore(Store):
    """Objects as plain files, so that they can be put and looked at with any tool; it keeps no versions."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def head(self, uri: str) -> ObjectInfo | None:
        with self._explained(uri):
            path = self._path(uri)
            return _describe(uri, path) if path.is_file() else None

    def read(self, uri: str) -> tuple[bytes, ObjectInfo]:
        with self._explained(uri):
            path = self._path(uri)
            content = path.read_bytes()
            return content, _name(uri, len(content), hashlib.sha256(content).hexdigest(), path.stat().st_mtime)

    def download(self, uri: str, path: Path) -> ObjectInfo:
        with self._explained(uri):
            shutil.copyfile(self._path(uri), path)
            return _describe(uri, path)

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        bucket, key_prefix = split_uri(prefix)
        root = self._path(f"s3://{bucket}/_").parent
        # Only the folder that holds the prefix is walked, never the whole bucket.
        start = root.joinpath(*key_prefix.split("/")[:-1])
        with self._explained(prefix):
            found = {path.relative_to(root).as_posix(): path for path in (start.rglob("*") if start.is_dir() else ())}
            for key in sorted(found):
                if key.startswith(key_prefix) and found[key].is_file():
                    yield _describe(f"s3://{bucket}/{key}", found[key])

    def _put(
        self, uri: str, content: bytes | Path, if_none_match: bool, if_match: str | None, content_type: str
    ) -> ObjectInfo:
        del content_type  # a file has none
        with self._explained(uri):
            path = self._path(uri)
            with self._half_written() as temporary:
                if isinstance(content, Path):
                    shutil.copyfile(content, temporary)
                else:
                    temporary.write_bytes(content)
                with self._locked():
                    present = _describe(uri, path) if path.is_file() else None
                    if (if_none_match and present) or (
                        if_match is not None and (present is None or present.etag != if_match)
                    ):
                        raise PreconditionFailed("it is another one", where=uri)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    temporary.replace(path)
                    return _describe(uri, path)

    def _upload(self, uri: str, path: Path, content_type: str) -> None:
        self._put(uri, path, False, None, content_type)

    def _copy(self, source: str, target: str, if_match: str | None) -> None:
        with self._explained(source):
            origin = self._path(source)
            if not origin.is_file():
                raise ObjectMissing("there is no such file", where=source)
            if if_match is not None and _describe(source, origin).etag != if_match:
                raise PreconditionFailed("it is another one", where=source)
        self._put(target, origin, False, None, "")

    def _delete(self, uri: str, version: str | None) -> None:
        if version is None:
            with self._explained(uri):
                self._path(uri).unlink(missing_ok=True)

    def _path(self, uri: str) -> Path:
        bucket, key = split_uri(uri)
        parts = [bucket, *key.split("/")]
        # A key is free text; as a path it must not lead out of the folder, nor mean another file than it says.
        if any(part in {"", ".", ".."} or "\0" in part or "\\" in part for part in parts) or bucket == _INTERNAL:
            raise LocationRefused(
                "A folder cannot hold an object of this name.",
                where=uri,
                fix="Use a name without empty parts, `.`, `..` and backslashes.",
            )
        return self._folder.joinpath(*parts)

    @contextmanager
    def _half_written(self) -> Iterator[Path]:
        folder = self._folder / _INTERNAL
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=folder)
        os.close(handle)
        try:
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        # The system drops this lock when its holder dies, however it dies.
        with (self._folder / _INTERNAL / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _explained(self, uri: str) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, IsADirectoryError) as error:
            raise ObjectMissing("there is no such file", where=uri) from error
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise refuse_long_name(uri) from error
            raise StorageUnreachable(
                f"The folder cannot be used: {error.strerror}.",
                where=f"{uri} in {self._folder}",
                fix="Check its rights and the free space of its disk; a file and a folder cannot share one name.",
            ) from error


def _describe(uri: str, path: Path) -> ObjectInfo:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    stat = path.stat()
    return _name(uri, stat.st_size, digest, stat.st_mtime)


def _name(uri: str, size: int, digest: str, modified: float) -> ObjectInfo:
    return ObjectInfo(uri, size, f'"{digest}"', None, datetime.fromtimestamp(modified, UTC))
