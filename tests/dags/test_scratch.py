"""The scratch folder of an attempt."""

from __future__ import annotations

import tempfile
import threading
from contextlib import ExitStack

import pytest

from pipeline.runners.scratch import build_environment, open_scratch


def test_folder_goes_with_the_attempt(tmp_path):
    """The folder is there during the attempt and gone after it, also when the attempt fails; nobody else can read it."""
    with pytest.raises(RuntimeError), open_scratch(tmp_path / "root") as scratch:
        assert (scratch / "home").is_dir()
        assert scratch.stat().st_mode & 0o077 == 0
        raise RuntimeError
    assert list((tmp_path / "root").iterdir()) == []


def test_list_of_fonts_outlives_an_attempt(tmp_path):
    """What matplotlib finds out of the machine is kept for the next attempt, outside what goes with this one."""
    found = []
    for _ in range(2):
        with open_scratch(tmp_path) as scratch:
            found.append(build_environment({}, scratch)["MPLCONFIGDIR"])
            assert not found[-1].startswith(str(scratch))
    assert found[0] == found[1]


def test_running_attempts_are_left_alone(tmp_path):
    """Attempts beside each other keep their folders; only what nobody holds is removed, and nothing that is not ours."""
    (tmp_path / "stage-attempt-dead" / "home").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    with open_scratch(tmp_path) as one, open_scratch(tmp_path) as two:
        assert one != two
        assert {path.name for path in tmp_path.iterdir()} == {one.name, two.name, "other"}


def test_empty_orphan_is_removed(tmp_path):
    """An attempt that was killed as soon as it had made its folder leaves nothing for ever."""
    (tmp_path / "stage-attempt-empty").mkdir()
    with open_scratch(tmp_path) as scratch:
        assert list(tmp_path.iterdir()) == [scratch]


def test_new_folder_is_no_orphan(tmp_path, monkeypatch):
    """While an attempt makes its folder, no other gets to look for orphans: it would take the new one for one."""
    make, opened, found = tempfile.mkdtemp, threading.Event(), []
    with ExitStack() as stack:

        def open_another():
            found.append(stack.enter_context(open_scratch(tmp_path)))
            opened.set()

        another = threading.Thread(target=open_another)

        def make_slowly(**where):
            monkeypatch.undo()
            folder = make(**where)
            another.start()
            assert not opened.wait(0.5)
            return folder

        monkeypatch.setattr(tempfile, "mkdtemp", make_slowly)
        first = stack.enter_context(open_scratch(tmp_path))
        another.join()
        assert set(tmp_path.iterdir()) == {first, *found}
