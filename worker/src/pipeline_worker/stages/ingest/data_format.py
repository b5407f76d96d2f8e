"""Which format a file has: what the request says, else what its first bytes say, else its name's ending."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ...errors import DataUnreadable, ParameterInvalid
from .foreign import CALLED, refuse_ending, refuse_foreign
from .formats.file_format import FileFormat
from .formats.json_document import JSON
from .formats.json_lines import JSON_LINES, can_be_lines
from .formats.loaded import FORMATS
from .json_text import decode_head

#: As many as tell a JSON file from lines of JSON.
_HEAD_BYTES = 1 << 20
_BY_ENDING = {ending: each for each in FORMATS.values() for ending in each.endings}
_CALLED = (
    CALLED | {".zip": "a zip archive", ".gz": "a gzip file"} | {end: each.called for end, each in _BY_ENDING.items()}
)


@dataclass(frozen=True)
class DataFormat:
    """A format that can be read, and how it was decided.

    :param name: as `data_format` has it.
    :param how: `given`, `by its name` or `by its content`.
    :param note: what a person should know, where the name says something else.
    """

    name: str
    how: str
    note: str | None = None


def find_format(path: Path, name: str, given: str | None = None) -> DataFormat:
    """Return the format of the file at *path*, which people know as *name* (a key or a URI).

    :param given: the request's `data_format`.
    :raises DataUnreadable: the file is empty, or of a format that is not read.
    :raises ParameterInvalid: *given* contradicts the content.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if not head:
        raise DataUnreadable(
            "The file is empty: it has 0 bytes.",
            where=name,
            fix="Drop it again, with a header line and rows. Perhaps it was dropped before it was written.",
        )
    refuse_ending(name)
    content = next((each for each in FORMATS.values() if each.recognise(head, path)), None)
    if given is not None:
        return _take_given(FORMATS[given], content, head, name)
    if content is None or content.is_text:
        refuse_foreign(head, name)
    ending = PurePosixPath(name).suffix.lower()
    named = _BY_ENDING.get(ending)
    if content == JSON and named == JSON_LINES and can_be_lines(head, is_whole=len(head) < _HEAD_BYTES):
        content = named
    if content is None:
        content = named if named is not None and named.is_any_text else FORMATS["csv"]
        if named is not None and not named.is_text and b"\0" in head:
            raise DataUnreadable(
                f"By its name this is {named.called}, but it begins with {_show(head)}, as none does.",
                where=name,
                fix="Perhaps it is damaged, or only a part of it: write it again, and drop that.",
            )
    if named == content:
        return DataFormat(content.name, "by its name")
    return DataFormat(content.name, "by its content", _note_lie(ending, content))


def _take_given(given: FileFormat, content: FileFormat | None, head: bytes, name: str) -> DataFormat:
    is_possible = content == given or (given.is_text and (content is None or content.is_text))
    if (
        content is None
        and given in {JSON, JSON_LINES}
        and not decode_head(head).lstrip("\0 \t\r\n").startswith(("{", "["))
    ):
        # Any other text can be CSV.
        is_possible = False
    if is_possible:
        if content is None:
            refuse_foreign(head, name)
        return DataFormat(given.name, "given")
    is_what = content.called if content else f"no {given.called.partition(' ')[2]}: it begins with {_show(head)}"
    raise ParameterInvalid(
        f'`data_format` is "{given.name}", but the file is {is_what}.',
        where=name,
        # An override cannot leave it out.
        fix=f'Give {{"data_format": "{content.name}"}}, or leave it out: it is found.'
        if content
        else 'If it is text in columns, give {"data_format": "csv"}, or leave it out: it is found. Else drop the file that was meant.',
        details={"parameter": "data_format"},
    )


def _show(head: bytes) -> str:
    """Return the first characters of a file, with bytes that are none written out."""
    return f"`{head[:16].decode(errors='backslashreplace')}`"


def _note_lie(ending: str, content: FileFormat) -> str | None:
    """Return a sentence on a name that says something else than the content, if it does."""
    if ending not in _CALLED:
        return None
    return f"By its name the file is {_CALLED[ending]} (`{ending}`), but it is {content.called}, and was read as that."
