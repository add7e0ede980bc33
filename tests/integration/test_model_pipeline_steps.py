"""Steps of which a finished one is not run again: by markers, by Luigi, over parameters that change."""

from __future__ import annotations

import importlib
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import JsonValue

from model.pipeline.runner import run
from model.pipeline.step import MARKER, Made, Step, digest
from model.pipeline.tasks import visualiser
from schemas.errors import ConfigurationError
from tagstream.embedded_stack import free_port

NAMES = ("gather", "train", "publish")


@dataclass
class Works:
    """Three steps, each writing a file of what it was told and what came before; it counts them."""

    root: Path
    told: dict[str, JsonValue] = field(default_factory=lambda: dict.fromkeys(NAMES, 1))
    contents: dict[str, str] = field(default_factory=dict)
    """What a step writes, where that is not of its parameters."""
    fails: dict[str, Exception] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)

    @property
    def last(self) -> Step:
        steps: tuple[Step, ...] = ()
        for name in NAMES:
            parameters: Mapping[str, JsonValue] = {"told": self.told[name]}
            steps = (*steps, Step(name, self.root, parameters, self._work(name), needs=steps[-1:]))
        return steps[-1]

    def run(self) -> list[str]:
        """What ran this time."""
        self.ran = []
        run(self.last, pipeline="shapes-v1")
        return self.ran

    def folder(self, name: str) -> Path:
        found = next(step for step in self.last.chain() if step.name == name).folder
        assert found is not None
        return found

    def _work(self, name: str) -> Callable[[Path], Made]:
        def work(folder: Path) -> Made:
            self.ran.append(name)
            if name in self.fails:
                (folder / "half").write_text("half")
                raise self.fails[name]
            text = self.contents.get(name, str(self.told[name]))
            (folder / "product").write_text(text)
            return Made(digest(text), (folder / "product",), about={"text": text})

        return work


@pytest.fixture
def works(tmp_path: Path) -> Works:
    return Works(tmp_path / "work")


def test_steps_run_in_order_and_a_finished_one_is_not_run_again(works: Works) -> None:
    assert works.run() == ["gather", "train", "publish"]
    assert works.run() == []


def test_what_ran_and_what_was_finished_before_is_told_apart(works: Works) -> None:
    assert [each.now for each in run(works.last, pipeline="shapes-v1")] == [True, True, True]
    works.told["publish"] = 2
    found = run(works.last, pipeline="shapes-v1")
    assert [(each.step.name, each.now) for each in found] == [
        ("gather", False),
        ("train", False),
        ("publish", True),
    ]
    assert found[-1].done.about == {"text": "2"}


def test_other_parameters_run_a_step_and_those_behind_it_and_no_others(works: Works) -> None:
    works.run()
    works.told["train"] = 2
    assert works.run() == ["train", "publish"]
    works.told["train"] = 1
    assert works.run() == []


@pytest.mark.parametrize("name", NAMES)
def test_a_product_that_is_gone_is_made_again_and_what_came_out_as_before_moves_nothing(
    works: Works, name: str
) -> None:
    works.run()
    (works.folder(name) / "product").unlink()
    works.ran = []
    found = run(works.last, pipeline="shapes-v1")
    assert works.ran == [name]
    assert [each.step.name for each in found if each.now] == [name]


def test_a_product_that_comes_out_otherwise_runs_those_behind_it(works: Works) -> None:
    works.run()
    shutil.rmtree(works.folder("train"))
    works.contents["train"] = "other weights"
    assert works.run() == ["train", "publish"]


def test_a_step_that_is_forgotten_runs_again(works: Works) -> None:
    works.run()
    works.last.forget()
    assert works.run() == ["publish"]


def test_the_error_of_a_step_comes_out_as_it_was_raised_and_nothing_behind_it_begins(
    works: Works, caplog: pytest.LogCaptureFixture
) -> None:
    works.fails["train"] = ConfigurationError("no such backbone")
    with pytest.raises(ConfigurationError, match=r"^no such backbone$"):
        works.run()
    assert works.ran == ["gather", "train"]
    assert [record for record in caplog.records if record.name.startswith("luigi")] == []


def test_a_failed_step_goes_on_where_it_was_and_those_before_it_are_not_repeated(works: Works) -> None:
    works.fails["train"] = ConfigurationError("killed")
    with pytest.raises(ConfigurationError):
        works.run()
    assert (works.folder("train") / "half").exists()
    works.fails.clear()
    assert works.run() == ["train", "publish"]
    assert (works.folder("train") / "half").exists()


def test_a_step_that_was_broken_off_says_that_its_time_is_not_all(works: Works) -> None:
    works.fails["train"] = ConfigurationError("killed")
    with pytest.raises(ConfigurationError):
        works.run()
    works.fails.clear()
    assert [each.done.resumed for each in run(works.last, pipeline="shapes-v1")] == [False, True, False]


def test_what_remains_of_a_finished_product_is_cleared_before_it_is_made_anew(works: Works) -> None:
    works.run()
    (works.folder("train") / "old").write_text("old")
    (works.folder("train") / "product").unlink()
    works.run()
    assert not (works.folder("train") / "old").exists()


def test_a_damaged_marker_is_no_marker(works: Works) -> None:
    works.run()
    (works.folder("publish") / MARKER).write_text('{"step": "publish"}')
    assert works.run() == ["publish"]


def test_a_folder_that_was_moved_is_as_finished_as_before(works: Works, tmp_path: Path) -> None:
    works.run()
    works.root.rename(tmp_path / "elsewhere")
    assert Works(tmp_path / "elsewhere").run() == []


def test_two_pipelines_do_not_work_in_one_folder(works: Works) -> None:
    def meanwhile(step: Step) -> None:
        if step.name == "train":
            works.run()

    with pytest.raises(ConfigurationError, match="another pipeline works in this folder"):
        run(works.last, pipeline="shapes-v1", began=meanwhile)


def test_where_luigi_is_not_installed_the_error_says_how_to_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "luigi", None)
    monkeypatch.delitem(sys.modules, "model.pipeline.tasks")
    with pytest.raises(ConfigurationError, match=r"pip install 'tagstream\[train\]'"):
        importlib.import_module("model.pipeline.tasks")


def test_luigi_s_own_server_shows_the_steps_and_ends_with_the_block(works: Works) -> None:
    port = free_port()
    with visualiser(port) as address:
        run(works.last, pipeline="shapes-v1", port=port)
        graph = read(f"{address}/api/task_list?data=%7B%22status%22%3A%22DONE%22%7D")
        page = read(f"{address}/static/visualiser/index.html")
        with pytest.raises(ConfigurationError, match="name another"), visualiser(port):
            pass
    assert all(f'"{name}"' in graph for name in ("Gather", "Train", "Publish"))
    assert "Luigi Task Visualiser" in page
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_luigi_s_server_ends_with_a_pipeline_that_is_killed(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("a file of the server's")
    port = free_port()
    program = [sys.executable, "-P", "-m", "model.pipeline.tasks", str(port), str(tmp_path)]
    with subprocess.Popen(program, stdin=subprocess.PIPE) as server:
        assert server.stdin is not None
        server.stdin.close()  # as the kernel does when its other end is gone
        assert server.wait() == 0
    assert not tmp_path.exists()


def read(address: str) -> str:
    with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310 - loopback
        return str(answer.read().decode())
