"""Archives: one file comes out, and what is wrong with them is said."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import pytest

from pipeline_worker.errors import DataUnreadable, ParameterInvalid
from pipeline_worker.limits import Limits
from pipeline_worker.stages.ingest.unpacked import Unpacked, bound_unpacked, unpack

CSV = b"a,b\n1,2\n"


def make_zip(**members: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, data in members.items():
            archive.writestr(member, data)
    return content.getvalue()


def open_archive(folder: Path, content: bytes, member: str | None = None, name: str = "x.zip") -> Unpacked:
    path = folder / "raw-data"
    path.write_bytes(content)
    return unpack(path, name, member, folder / "unpacked", Limits(file_bytes=1 << 20))


def encrypt(content: bytes) -> bytes:
    """Return an archive of one member with the sign of encryption in both of its places."""
    changed = bytearray(content)
    changed[6] |= 1
    changed[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(changed)


def repack(method: int) -> bytes:
    """Return an archive of one member that is packed by *method*."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        archive.writestr("x", bytes(2 << 20))
    return content.getvalue()


def test_litter_and_notes_are_left_out(tmp_path: Path) -> None:
    """The one file that can be a table is taken, wherever it lies, and what else there is is told."""
    members = {"__MACOSX/._a.csv": b"x", ".DS_Store": b"x", "folder/a.csv": CSV, "README.txt": b"x"}
    unpacked = open_archive(tmp_path, make_zip(**members))
    assert (unpacked.path.read_bytes(), unpacked.name) == (CSV, "x.zip/folder/a.csv")
    assert unpacked.notes == ("Of the archive `folder/a.csv` was read, and not `README.txt`.",)


def test_several_tables_ask_for_one(tmp_path: Path) -> None:
    """Of several files that can be the table none is chosen; the line that is to be pasted chooses one."""
    content = make_zip(**{"a.csv": CSV, "b.json": b"[]"})
    with pytest.raises(DataUnreadable) as raised:
        open_archive(tmp_path, content)
    assert "2 files that can be the table: `a.csv`, `b.json`" in raised.value.what
    assert raised.value.fix.endswith('{"ingestion_config": {"member": "a.csv"}}')
    assert open_archive(tmp_path, content, "b.json").path.read_bytes() == b"[]"
    with pytest.raises(ParameterInvalid, match=r"no such file. Did you mean `a.csv`"):
        open_archive(tmp_path, content, "a.cvs")


@pytest.mark.parametrize(
    ("members", "fix"),
    [
        (["a.npy", "b.png"], "Pack the table, as CSV or Parquet, and drop that."),
        (["a.png", "data"], 'say so, such as {"ingestion_config": {"member": "data"}}'),
    ],
)
def test_files_that_are_no_table_by_their_names_are_not_called_so(tmp_path: Path, members: list[str], fix: str) -> None:
    """What is proposed is none that is refused by its name."""
    with pytest.raises(DataUnreadable, match="The archive holds 2 files, and none is a table by its name") as raised:
        open_archive(tmp_path, make_zip(**dict.fromkeys(members, CSV)))
    assert raised.value.fix.endswith(fix)


@pytest.mark.parametrize("content", [bytes(9 << 20), b"a,b\n1,2\n" * 300_000])
def test_a_gzip_file_that_is_too_large_says_what_is_surely_enough(tmp_path: Path, content: bytes) -> None:
    """How large it is unpacked it does not say."""
    packed = gzip.compress(content)
    with pytest.raises(
        DataUnreadable, match="Unpacked, the file has more than 1,048,576 bytes, the most allowed"
    ) as raised:
        open_archive(tmp_path, packed, name="x.gz")
    path = tmp_path / "raw-data"
    enough = Limits(file_bytes=int(raised.value.fix.rpartition("ML_PIPELINE_MAX_FILE_BYTES=")[2]))
    assert unpack(path, "x.gz", None, tmp_path / "unpacked", enough).path.read_bytes() == content
    assert bound_unpacked("x/x.csv.GZ", len(packed)) == enough.file_bytes
    assert bound_unpacked("x/x.csv", len(packed)) is None


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (make_zip(x=CSV)[:40], "The zip archive is damaged, or only a part of it: its end is missing."),
        (gzip.compress(CSV)[:-12], "The gzip file is damaged, or only a part of it: its end is missing."),
        (b"\x1f\x8bnothing", "The gzip file is damaged, or only a part of it"),
        (encrypt(make_zip(x=CSV)), "`x` in the archive is encrypted"),
        (make_zip(), "The archive holds no file"),
        (make_zip(x=make_zip(y=CSV)), "The archive holds another archive"),
        (make_zip(x=gzip.compress(CSV)), "The archive holds another archive"),
        (make_zip(x=bytes(2 << 20)), "Unpacked, the file has"),
        (gzip.compress(bytes(2 << 20)), "Unpacked, the file has"),
        (make_zip(**{"xl/workbook.xml": bytes(2 << 20)}), "Unpacked, the file has"),
        (repack(zipfile.ZIP_BZIP2), "The zip archive is packed in a way that is not read: `x` by bzip2"),
        (repack(zipfile.ZIP_LZMA), "The zip archive is packed in a way that is not read: `x` by LZMA"),
        (make_zip(x=repack(zipfile.ZIP_BZIP2)), "The zip archive is packed in a way that is not read"),
        (b"PK\x07\x08" + make_zip(x=CSV), "This is the first of several parts of a zip archive"),
        (make_zip(**{"word/document.xml": b"x"}), "This is a Word document; it is no table"),
    ],
)
def test_what_cannot_be_unpacked_is_said(tmp_path: Path, content: bytes, what: str) -> None:
    """An archive that is damaged, encrypted, empty, too large or one of archives is refused for what it is."""
    with pytest.raises(DataUnreadable) as raised:
        open_archive(tmp_path, content)
    assert raised.value.what.startswith(what)


def test_a_size_that_lies_is_no_way_past_the_bound(tmp_path: Path) -> None:
    """What an archive says of its size is compared with what comes out of it."""
    content = make_zip(x=bytes(2 << 20))
    changed = content.replace((2 << 20).to_bytes(4, "little"), (100).to_bytes(4, "little"))
    with pytest.raises(DataUnreadable, match="damaged"):
        open_archive(tmp_path, changed)


@pytest.mark.parametrize(
    ("name", "inner", "notes"),
    [
        ("x.csv.gz", "x.csv.gz/x.csv", 0),
        ("x.gz", "x.gz/x", 0),
        ("x.csv", "x.csv/x.csv", 1),
    ],
)
def test_a_gzip_file_is_named_by_what_is_in_it(tmp_path: Path, name: str, inner: str, notes: int) -> None:
    """The ending before `.gz` is that of the file inside; where there is no `.gz`, that is told."""
    unpacked = open_archive(tmp_path, gzip.compress(CSV), name=name)
    assert (unpacked.path.read_bytes(), unpacked.name, len(unpacked.notes)) == (CSV, inner, notes)


def test_a_way_through_folders_is_no_hidden_file(tmp_path: Path) -> None:
    """A member is written where we say, so that its name can be any way."""
    assert open_archive(tmp_path, make_zip(**{"../../x.csv": CSV})).path.read_bytes() == CSV


def test_a_name_that_turns_is_refused(tmp_path: Path) -> None:
    """As a name at the top of the bucket is."""
    with pytest.raises(ParameterInvalid, match=r"the mark U\+202E"):
        open_archive(tmp_path, make_zip(**{"x\u202evsc.csv": CSV}))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_stands_there_twice_is_refused(tmp_path: Path) -> None:
    """Which of the two is meant, nobody can say."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("a.csv", CSV)
        archive.writestr("a.csv", CSV)
    with pytest.raises(DataUnreadable, match=r"The archive holds `a.csv` more than once"):
        open_archive(tmp_path, content.getvalue(), "a.csv")
