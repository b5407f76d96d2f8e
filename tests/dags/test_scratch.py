"""The scratch folder of an attempt."""

from __future__ import annotations

import pytest

from pipeline.scratch import open_scratch


def test_folder_goes_with_the_attempt(tmp_path):
    """The folder is there during the attempt and gone after it, also when the attempt fails; nobody else can read it."""
    with pytest.raises(RuntimeError), open_scratch(tmp_path / "root") as scratch:
        assert (scratch / "home").is_dir()
        assert scratch.stat().st_mode & 0o077 == 0
        raise RuntimeError
    assert list((tmp_path / "root").iterdir()) == []


def test_running_attempts_are_left_alone(tmp_path):
    """Attempts beside each other keep their folders; only what nobody holds is removed, and nothing that is not ours."""
    (tmp_path / "stage-attempt-dead" / "home").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    with open_scratch(tmp_path) as one, open_scratch(tmp_path) as two:
        assert one != two
        assert {path.name for path in tmp_path.iterdir()} == {one.name, two.name, "other"}
