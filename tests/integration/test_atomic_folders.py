"""Folders that are there whole or not at all."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from model.atomic_folders import PREFIX, atomic_folder, place_folder, write_file
from schemas.errors import ConfigurationError


def hidden(parent: Path) -> list[Path]:
    return list(parent.glob(f"{PREFIX}*"))


def broken_off(parent: Path, error: BaseException) -> None:
    with atomic_folder(parent) as within:
        (within / "half").write_text("half")
        raise error


def test_what_is_put_is_there_and_nothing_else(tmp_path: Path) -> None:
    with atomic_folder(tmp_path / "out") as within:
        (within / "made").mkdir()
        (within / "made" / "file").write_text("whole")
        assert len(hidden(tmp_path / "out")) == 1
        place_folder(within / "made", tmp_path / "out" / "name")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["name"]
    assert (tmp_path / "out/name/file").read_text() == "whole"


def test_a_place_that_is_taken_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "name").mkdir()
    (tmp_path / "name/first").write_text("first")
    with atomic_folder(tmp_path) as within:
        (within / "made").mkdir()
        assert not place_folder(within / "made", tmp_path / "name")
    assert [path.name for path in (tmp_path / "name").iterdir()] == ["first"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_whatever_breaks_it_off_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error):
        broken_off(tmp_path, error())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "says"),
    [(errno.ENOSPC, "the disk is full"), (errno.EDQUOT, "full"), (errno.EROFS, "cannot be written")],
)
def test_a_disk_that_is_full_or_closed_is_a_wrong_setting(tmp_path: Path, number: int, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        broken_off(tmp_path, OSError(number, "as the kernel says it"))
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigurationError, match="cannot be made"), atomic_folder(tmp_path / "file"):
        pass


KILLED = """
import sys, os
from pathlib import Path
from model.atomic_folders import atomic_folder
with atomic_folder(Path(sys.argv[1])) as within:
    (within / "half").write_text("half")
    os.kill(os.getpid(), 9)
"""


def test_what_a_killed_one_left_the_next_one_removes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    (left,) = hidden(tmp_path)
    assert (left / "half").read_text() == "half"
    with atomic_folder(tmp_path) as within:
        assert hidden(tmp_path) == [within]
    assert hidden(tmp_path) == []


def test_two_at_once_leave_each_other_alone(tmp_path: Path) -> None:
    with atomic_folder(tmp_path) as first:
        with atomic_folder(tmp_path) as second:
            assert sorted(hidden(tmp_path)) == sorted([first, second])
        assert first.is_dir()


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    write_file(tmp_path / "sub/page.html", b"first")
    write_file(tmp_path / "sub/page.html", b"second")
    assert (tmp_path / "sub/page.html").read_bytes() == b"second"
    assert [path.name for path in (tmp_path / "sub").iterdir()] == ["page.html"]
