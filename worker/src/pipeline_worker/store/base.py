"""The only way to objects: one interface, implemented by S3 and by a folder."""

from __future__ import annotations

import mimetypes
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ..errors import ParameterInvalid
from ..settings import Settings


@dataclass(frozen=True)
class ObjectInfo:
    """What the store knows of one object.

    :param size: in bytes.
    :param etag: changes with the content; what `if_match` takes.
    :param version: the object's version, or None where the bucket keeps none.
    """

    uri: str
    size: int
    etag: str
    version: str | None
    last_modified: datetime


@dataclass(frozen=True)
class Write:
    """One change to the store, as the seam for tests sees it: `put`, `upload`, `copy` or `delete` of *uri*."""

    kind: str
    uri: str


class Store(ABC):
    """Objects by `s3://bucket/key` URIs.

    Every change goes through :attr:`around_write`, so that a test can fail, delay or end the process at the n-th
    write, before it or after it. Errors: the contract's `ObjectMissing` and `PreconditionFailed`, and
    :class:`~pipeline_worker.errors.StorageUnreachable` when the store does not answer.
    """

    around_write: Callable[[Write], AbstractContextManager[object]] = staticmethod(lambda _: nullcontext())

    @abstractmethod
    def head(self, uri: str) -> ObjectInfo | None:
        """Return what is known of the object, or None where there is none."""

    @abstractmethod
    def read(self, uri: str) -> tuple[bytes, ObjectInfo]:
        """Return a small object whole.

        :raises ObjectMissing: there is none.
        """

    @abstractmethod
    def download(self, uri: str, path: Path) -> ObjectInfo:
        """Stream the object into the file *path*.

        :raises ObjectMissing: there is none.
        """

    @abstractmethod
    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield the objects whose URI begins with *prefix*, in the order of their keys."""

    def put(
        self,
        uri: str,
        content: bytes | Path,
        *,
        if_none_match: bool = False,
        if_match: str | None = None,
        content_type: str | None = None,
    ) -> ObjectInfo:
        """Put an object in one request, on a condition where one is given; return it as stored.

        :param if_none_match: only where there is no object yet.
        :param if_match: only over the object with this etag.
        :raises PreconditionFailed: the condition did not hold, and nothing was changed.
        """
        with self.around_write(Write("put", uri)):
            return self._put(uri, content, if_none_match, if_match, content_type or guess_type(uri))

    def upload(self, uri: str, path: Path, *, content_type: str | None = None) -> None:
        """Stream the file *path* to *uri*, in several parts where it is large."""
        with self.around_write(Write("upload", uri)):
            self._upload(uri, path, content_type or guess_type(uri))

    def copy(self, source: str, target: str, *, if_match: str | None = None) -> None:
        """Copy an object within the store.

        :param if_match: only the object with this etag. (A version by its id may not be named: to MinIO that would be the right
            to put over a version.)
        :raises ObjectMissing: there is no such source.
        :raises PreconditionFailed: it is another one by now.
        """
        with self.around_write(Write("copy", target)):
            self._copy(source, target, if_match)

    def delete(self, uri: str, *, version: str | None = None) -> None:
        """Delete the object, or exactly one *version* of it; nothing happens where there is none."""
        with self.around_write(Write("delete", uri)):
            self._delete(uri, version)

    @abstractmethod
    def _put(
        self, uri: str, content: bytes | Path, if_none_match: bool, if_match: str | None, content_type: str
    ) -> ObjectInfo: ...

    @abstractmethod
    def _upload(self, uri: str, path: Path, content_type: str) -> None: ...

    @abstractmethod
    def _copy(self, source: str, target: str, if_match: str | None) -> None: ...

    @abstractmethod
    def _delete(self, uri: str, version: str | None) -> None: ...


def open_store(settings: Settings) -> Store:
    """Return the store that *settings* name."""
    if settings.store_folder is not None:
        from .folder import FolderStore

        return FolderStore(settings.store_folder)
    from .s3 import S3Store

    return S3Store(settings)


def refuse_long_name(uri: str) -> ParameterInvalid:
    """Return the error for a key that the store cannot have, as it or a part of it is too long."""
    return ParameterInvalid(
        "A name is too long for the store.",
        where=uri,
        fix="Use a shorter name, of 255 bytes or less, for the file's folder, or as `dataset`, or in `target_output_path`.",
    )


def guess_type(uri: str) -> str:
    """Return the content type by the ending of *uri*, so that a browser shows what it can."""
    # By the name alone: to `mimetypes` a `?` or `#` in the name of a folder ends the path.
    return mimetypes.guess_type(uri.rpartition("/")[2])[0] or "application/octet-stream"
