"""The breaks on purpose: every row can be made, its tests are there, and the runner tells red from green."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.sabotage import rows, run
from tests.sabotage.rows import Row
from tests.sabotage.run import Ending


def test_every_row_can_be_made_and_names_tests_that_are_there() -> None:
    assert list(rows.faults(rows.read())) == []
    assert len(rows.read()) > 40


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A product of one line, a test that looks at it, and one that does not."""
    (tmp_path / "product.py").write_text("def twice(x):\n    return 2 * x\n")
    tests = (
        "import product\ndef test_seen():\n    assert product.twice(2) == 4\ndef test_blind():\n    pass\n"
    )
    (tmp_path / "test_product.py").write_text(tests)
    (tmp_path / "tests" / "sabotage").mkdir(parents=True)
    for name in ("__init__.py", "unshrunk.py"):
        text = (rows.FILE.parent / name).read_text() if name == "unshrunk.py" else ""
        (tmp_path / "tests" / "sabotage" / name).write_text(text)
    (tmp_path / "tests" / "__init__.py").touch()
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return tmp_path


def row(*tests: str, old: str = "2 * x", new: str = "3 * x") -> Row:
    return Row(name="a-row", about="triple", file="product.py", old=old, new=new, tests=tests)


def test_a_break_that_its_tests_see_is_red_and_the_file_is_put_back(tree: Path) -> None:
    result = run.tried(row("test_product.py::test_seen", "test_product.py"), tree)
    assert (result.ending, result.failed) == (Ending.RED, ("test_product.py::test_seen",))
    assert "2 * x" in (tree / "product.py").read_text()


LEFT = """
import pathlib, subprocess, sys
def test_leaves_a_process_behind():
    left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True)
    pathlib.Path("pid").write_text(str(left.pid))
    left.returncode = 0  # nobody waits for it
    assert False
"""


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="only Linux tells where processes work")
def test_what_a_break_kept_from_ending_ends_with_its_row(tree: Path) -> None:
    (tree / "test_left.py").write_text(LEFT)
    assert run.tried(row("test_left.py"), tree).ending is Ending.RED
    left = Path("/proc") / (tree / "pid").read_text()
    while _works_in(left, tree):
        time.sleep(0.01)


def _works_in(process: Path, tree: Path) -> bool:
    try:
        return (process / "cwd").readlink() == tree.resolve()
    except OSError:
        return False


def test_each_of_its_tests_has_to_see_it(tree: Path) -> None:
    result = run.tried(row("test_product.py::test_seen", "test_product.py::test_blind"), tree)
    assert (result.ending, result.green) == (Ending.GREEN, ("test_product.py::test_blind",))
    assert result.document()["ending"] == "green"


@pytest.mark.parametrize(
    "impossible",
    [row("test_product.py", old="4 * x"), row("test_product.py::test_gone")],
    ids=["text that is gone", "a test that is gone"],
)
def test_what_cannot_be_tried_is_no_red(tree: Path, impossible: Row) -> None:
    result = run.tried(impossible, tree)
    assert result.ending is Ending.ERROR
    assert result.why


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (row("test_product.py", old="x"), "2 times, not once"),
        (row("test_product.py", new="2 * x"), "it changes nothing"),
        (row("test_product.py", new="2 *"), "invalid syntax"),
        (row("test_product.py::test_gone"), "there is no test_product.py::test_gone"),
        (row("test_nowhere.py"), "there is no test_nowhere.py"),
    ],
)
def test_a_row_that_is_dead_would_be_seen(tree: Path, bad: Row, why: str) -> None:
    (fault,) = rows.faults([bad], tree)
    assert why in fault


def test_two_rows_of_one_name_would_be_seen(tree: Path) -> None:
    assert "another row" in "".join(rows.faults([row("test_product.py"), row("test_product.py")], tree))


def test_slow_rows_run_when_they_are_asked_for() -> None:
    quick, slow = row("a.py"), row("b.py").model_copy(update={"name": "slow", "slow": True})
    assert run.chosen((quick, slow), (), slow=False) == (quick,)
    assert run.chosen((quick, slow), (), slow=True) == (quick, slow)
    assert run.chosen((quick, slow), ("slow",), slow=False) == (slow,)
    with pytest.raises(LookupError, match="nothing"):
        run.chosen((quick, slow), ("nothing",), slow=False)
