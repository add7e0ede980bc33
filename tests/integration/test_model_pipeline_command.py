"""`tagstream model pipeline`: from drawn photographs to a champion, broken off and given again."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import torch
from typer.testing import CliRunner, Result

from model import checkpoint
from model.data import dataset
from schemas.errors import ConfigurationError, TagstreamError
from tagstream.commands.model import app
from tagstream.embedded_stack import free_port
from tagstream.render import pipeline as pipeline_render
from tagstream.render.pipeline import shown
from tests.unit.model_pipeline_builders import LABELS, TINY, drawn

STEPS = ("gather", "preprocess", "train", "validate", "publish", "promote")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    torch.set_num_threads(1)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TAGSTREAM_REGISTRY__URL", str(tmp_path / "registry"))
    monkeypatch.setenv("TAGSTREAM_REGISTRY__CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TAGSTREAM_MODEL__THREADS", "1")
    drawn(tmp_path / "photos")
    return tmp_path


def words(*more: str) -> list[str]:
    return ["pipeline", "photos", "--name", "shapes", "--version", "v1", "--work", "runs", *TINY, *more]


def call(*more: str) -> Result:
    result = CliRunner().invoke(app, words(*more))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def told(*more: str) -> dict[str, Mapping[str, Any]]:
    """What is said of each step."""
    return {step["step"]: step for step in json.loads(call(*more, "--json").stdout)["steps"]}


def ran(*more: str) -> list[str]:
    return [name for name, step in told(*more).items() if step["ran"]]


def folder(step: str) -> Path:
    (found,) = Path("runs").glob(f"{step}-*")
    return found


def test_from_photographs_to_a_champion_and_nothing_twice() -> None:
    steps = told("--promote")
    assert tuple(steps) == STEPS
    assert all(step["ran"] for step in steps.values())
    assert steps["publish"]["ref"] == "shapes/v1"
    assert (steps["promote"]["alias"], steps["promote"]["version"]) == ("shapes@champion", "v1")
    report = json.loads((folder("validate") / "report.json").read_text())
    assert report["split"] == "test"
    assert report["top_accuracy"]["of"] == steps["validate"]["photographs"]
    assert "<svg" in (folder("validate") / "report.html").read_text()
    manifest = checkpoint.read_manifest(folder("validate") / "shapes-v1")
    assert {"val", "test"} <= set(manifest.metrics)
    assert ran("--promote") == []
    # Judged again it is the same version, and decoded again the same pixels: nothing behind them runs.
    (folder("validate") / "report.html").unlink()
    shutil.rmtree(folder("preprocess"))
    assert ran("--promote") == ["preprocess", "validate"]


def test_a_later_call_goes_on_where_an_earlier_one_was_to_end_and_new_photographs_are_seen() -> None:
    assert ran("--until", "gather") == ["gather"]
    assert ran("--until", "preprocess") == ["preprocess"]
    shutil.copy("photos/disc/disc0.png", "photos/disc/later.png")  # the import leaves it out
    assert ran("--until", "preprocess") == ["gather"]
    Path("photos/disc/disc0.png").unlink()
    Path("photos/disc/later.png").unlink()
    assert ran("--until", "preprocess") == ["gather", "preprocess"]
    assert ran("--until", "preprocess", "--again", "gather") == ["gather"]


def test_another_licence_trains_the_version_anew_and_decodes_nothing() -> None:
    assert ran("--until", "train") == ["gather", "preprocess", "train"]
    assert ran("--until", "train", "--licence", "MIT") == ["train"]
    licences = {checkpoint.read_manifest(found).licence for found in Path("runs").glob("train-*/shapes-v1")}
    assert licences == {"", "MIT"}
    assert ran("--until", "train", "--licence", "MIT") == []


def test_maybes_go_from_a_table_through_all_steps_and_one_more_of_them_is_seen() -> None:
    rows = [(f"{label}/{label}{number}.png", label) for label in LABELS for number in range(16)]
    splits = ("train", "train", "val", "test")
    doubted = [("photos/disc/disc3.png", "stripes"), ("photos/stripes/stripes7.png", "disc")]

    def table(*maybes: tuple[str, str]) -> None:
        lines = ["path,yes,maybe,split"]
        for place, (file, label) in enumerate(rows):
            lines.append(
                f"photos/{file},{label},{dict(maybes).get(f'photos/{file}', '')},{splits[place % 4]}"
            )
        Path("labels.csv").write_text("\n".join(lines) + "\n")

    def steps(*more: str) -> dict[str, Mapping[str, Any]]:
        arguments = ["labels.csv" if word == "photos" else word for word in words(*more, "--json")]
        document = json.loads(CliRunner().invoke(app, arguments, catch_exceptions=False).stdout)
        return {step["step"]: step for step in document["steps"]}

    table(*doubted)
    steps("--until", "validate")
    (snapshot,) = folder("gather").glob("shapes-*")
    kept = {photo.maybe for photo in dataset.read(snapshot).of(dataset.Split.TEST)}
    assert kept == {(), ("stripes",), ("disc",)}
    report = json.loads((folder("validate") / "report.json").read_text())
    assert {report["ece_label"][label]["of"] for label in LABELS} == {7}  # of eight, one a maybe
    table(*doubted, ("photos/disc/disc0.png", "stripes"))
    again = steps("--until", "validate")
    assert [name for name, step in again.items() if step["ran"]] == list(again)


def test_the_error_of_a_step_is_one_line_and_those_behind_it_do_not_begin() -> None:
    Path("weights.safetensors").write_bytes(b"no tensors")
    with pytest.raises(ConfigurationError, match=r"^weights\.safetensors: not a safetensors file"):
        call("--weights", "weights.safetensors")
    assert not list(Path("runs").glob("validate-*"))
    assert (folder("preprocess") / "done.json").is_file()


def test_a_gate_that_refuses_is_an_error_and_the_version_stays_published() -> None:
    for number in range(0, 16, 2):
        disc, stripes = (Path(f"photos/{label}/{label}{number}.png") for label in LABELS)
        pictures = disc.read_bytes(), stripes.read_bytes()
        disc.write_bytes(pictures[1])
        stripes.write_bytes(pictures[0])
    with pytest.raises(TagstreamError, match=r"the gate refuses it by .*top_accuracy, at least") as refused:
        call("--max-steps", "1", "--shares", "0.5,0.1,0.4", "--promote", "--least-top", "1")
    assert not isinstance(refused.value, ConfigurationError)
    assert (Path("registry") / "shapes" / "v1" / "manifest.json").is_file()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--weights", "nowhere.safetensors"), "nowhere.safetensors"),
        (("--backbone", "resnet19"), "resnet19"),
        (("--shares", "0.5"), "--shares"),
        (("--again", "promote"), "'promote' is none of the steps here"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_done(more: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        call(*more)
    assert not list(Path().glob("runs/*"))


def test_a_registry_is_asked_for_only_where_there_is_something_to_publish(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TAGSTREAM_REGISTRY__URL")
    with pytest.raises(ConfigurationError, match="no registry is named"):
        call()
    assert ran("--until", "gather") == ["gather"]


def test_luigi_s_visualiser_stays_until_ctrl_c_after_a_failure_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupt(_signal: int, frame: FrameType | None) -> None:
        # A machine that stands still for longer than the alarm must not be interrupted anywhere else.
        if frame is None or frame.f_code is not pipeline_render._hold.__code__:
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            return
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with pytest.raises(ConfigurationError, match="no backbone"), shown(free_port(), keep=True):
            fail_and_ring()
    finally:
        signal.signal(signal.SIGALRM, before)
    said = capsys.readouterr().err
    assert "failed: no backbone" in said
    assert "until Ctrl-C" in said
    assert "the visualiser has ended" in said


def fail_and_ring() -> None:
    """Ctrl-C, as it were, once the visualiser is there to be looked at."""
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    raise ConfigurationError("no backbone")


def test_the_command_says_where_the_visualiser_is_and_runs_by_it() -> None:
    port = free_port()
    result = call("--until", "gather", "--visualiser", str(port))
    assert f"http://127.0.0.1:{port}" in result.stderr
    assert (folder("gather") / "done.json").is_file()


def test_killed_in_the_middle_of_training_it_goes_on_there_and_gathers_nothing_again() -> None:
    long = ("--epochs", "12", "--until", "train")
    program = [sys.executable, "-m", "tagstream", "model", *words(*long)]
    with subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as running:
        while running.poll() is None and not list(Path("runs").glob("train-*/.*/checkpoint.json")):
            time.sleep(0.01)
        running.send_signal(signal.SIGKILL)
        running.communicate()
    assert running.returncode == -signal.SIGKILL
    result = call(*long, "--json")
    steps = {step["step"]: step for step in json.loads(result.stdout)["steps"]}
    assert [name for name, step in steps.items() if step["ran"]] == ["train"]
    assert "goes on from step" in result.stderr
    assert steps["train"]["resumed"]
