"""`tagstream model compare-backbones`: a row each, whatever the others do, and nothing twice."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner, Result

from model.comparison import page
from model.comparison.comparison_job import ComparisonJob, WeightsFrom
from model.comparison.comparison_run import Compared
from model.comparison.row import METRICS, BackboneFigures, BackboneRow, IntervalValue, ordered
from model.evaluation.shares import Share
from model.evaluation.speed import ForwardSpeed
from model.networks import architectures
from model.training.job import TrainingJob
from schemas.errors import ConfigurationError
from tagstream.commands.model import app
from tests.unit.model_pipeline_builders import drawn

FAST = ("--size", "32", "--epochs", "1", "--batch-size", "8", "--threads", "1", "--output", "out")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    place = tmp_path_factory.mktemp("comparison")
    drawn(place / "photos")
    return place


@pytest.fixture
def here(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(place)
    return place


def call(*more: str) -> Result:
    result = CliRunner().invoke(app, ["compare-backbones", "photos", *FAST, *more])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def told(*more: str) -> tuple[dict[str, dict[str, Any]], int]:
    """The row of each backbone, and the exit code."""
    result = call(*more, "--json")
    return {row["backbone"]: row for row in json.loads(result.stdout)["backbones"]}, result.exit_code


def test_every_backbone_has_its_row_one_that_fails_stops_none_and_a_finished_one_is_not_trained_again(
    here: Path,
) -> None:
    names = ("--backbones", "resnet19,tiny,squeezenet1_1")
    rows, code = told(*names, "--html", "page.html", "--markdown", "table.md")
    assert code == 1
    assert "resnet19" in rows["resnet19"]["error"]
    tiny = rows["tiny"]
    assert tiny["trained_now"]
    assert tiny["parameters"] == sum(each.numel() for each in architectures.build("tiny", 2).parameters())
    assert tiny["weights"] == "from scratch"
    assert tiny["top_accuracy"]["of"] > 0
    assert tiny["speed"]["throughput_ratio"] == tiny["speed"]["latency_ratio"] == 1.0
    assert rows["squeezenet1_1"]["speed"]["images_per_second"] > 0
    assert rows["squeezenet1_1"]["bytes"] > tiny["bytes"]
    assert "squeezenet1_1" in (here / "page.html").read_text()
    assert "| tiny |" in (here / "table.md").read_text()

    again, code = told("--backbones", "tiny,squeezenet1_1")
    assert code == 0
    assert [row["trained_now"] for row in again.values()] == [False, False]
    assert again["tiny"]["train_seconds"] == tiny["train_seconds"]

    longer, _ = told("--backbones", "tiny", "--epochs", "2")
    assert longer["tiny"]["trained_now"]
    (finished,) = (here / "out").glob("squeezenet1_1-*")
    shutil.rmtree(finished / "squeezenet1_1-v1")
    once_more, _ = told("--backbones", "tiny,squeezenet1_1")
    assert [row["trained_now"] for row in once_more.values()] == [False, True]


def test_weights_that_are_not_those_of_the_network_fail_in_their_row_alone(here: Path) -> None:
    (here / "weights.safetensors").write_bytes(b"none")
    rows, code = told("--backbones", "tiny", "--weights", "tiny=weights.safetensors", "--seed", "1")
    assert code == 1
    assert "weights.safetensors: not a safetensors file" in rows["tiny"]["error"]
    assert rows["tiny"]["weights"] == "file weights.safetensors"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--backbones", "tiny,tiny"), "name each once"),
        (("--backbones", ","), "name each once"),
        (("--backbones", "tiny", "--weights", "imagenet"), "'imagenet' is not hub, none or NAME=FILE"),
        (("--backbones", "tiny", "--weights", "alexnet=a.pth"), "alexnet is none of the --backbones"),
        (("--backbones", "tiny", "--positive", "disc"), "--positive"),
        (("--backbones", "tiny", "--split", "test"), "nothing to judge by"),
    ],
)
@pytest.mark.usefixtures("here")
def test_what_none_could_be_compared_by_is_refused(more: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        call(*more)


def test_weights_are_named_one_by_one_and_for_all_others() -> None:
    weights = WeightsFrom.parsed("hub,resnet18=a/b.pth,alexnet=none")
    assert weights.of("resnet18") == Path("a/b.pth")
    assert weights.of("alexnet") is None
    assert weights.of("googlenet") == "hub"
    assert WeightsFrom.parsed("none").of("googlenet") is None


def test_a_backbone_with_weights_and_one_from_scratch_differ_in_nothing_else_of_the_recipe() -> None:
    training = TrainingJob(Path("photos"), output=Path("out"))
    weights = WeightsFrom({"tiny": Path("tiny.safetensors")})
    order = ComparisonJob(("tiny", "mobilenet_v2_same"), Path("out"), training, weights=weights, size=64)
    tuned, new = (order.training_of(name).recipe for name in order.names)
    same = replace(new, architecture="tiny", mean=tuned.mean, std=tuned.std)
    assert same == tuned.from_nothing()
    assert (tuned.norms, new.norms) == ("frozen", "learned")


GOOD = IntervalValue(value=0.9, interval=(0.8, 0.95), of=40)
FIGURES = BackboneFigures(
    weights="public (hub)",
    size=224,
    parameters=11_000_000,
    bytes=22_000_000,
    top_accuracy=GOOD,
    f1_samples=GOOD,
    mean_average_precision=IntervalValue(value=None, interval=(None, None), of=0),
    epochs=3,
    train_seconds=100.0,
    train_cpu_seconds=190.0,
    resumed=False,
)
PACE = ForwardSpeed("cpu", 1, 32, 100.0, latency_ms=12.0, throughput_ratio=1.0, latency_ratio=1.0)
ROWS = (
    BackboneRow("slow", "public (hub)", FIGURES, PACE),
    BackboneRow("no<where", "from scratch", error="not | known"),
    BackboneRow(
        "quick",
        "from scratch",
        FIGURES.model_copy(
            update={
                "weights": "from scratch",
                "resumed": True,
                "top_accuracy": IntervalValue(value=0.5, interval=(0.4, 0.6), of=40),
                "f1_samples": IntervalValue(value=0.4, interval=(0.3, 0.5), of=40),
                "bytes": 1_000_000,
                "parameters": 500_000,
                "train_seconds": 10.0,
            }
        ),
        replace(PACE, images_per_second=900.0, latency_ms=2.0, throughput_ratio=9.0),
    ),
)
COMPARED = Compared(ROWS, "val", ("a", "b"), trained_on=60, judged_on=40, epochs=3, data="ab" * 32)


@pytest.mark.parametrize("by", sorted(METRICS))
def test_the_best_by_the_named_metric_is_first_and_who_failed_last(by: str) -> None:
    better = "slow" if by in {"top_accuracy", "f1_samples", "mean_average_precision"} else "quick"
    found = [row.backbone for row in ordered(ROWS, by=by)]
    assert found[0] == better
    assert found[-1] == "no<where"


def test_the_markdown_has_a_row_each_and_says_what_the_figures_are_of() -> None:
    text = page.render_markdown(COMPARED, ROWS)
    lines = text.splitlines()
    assert lines[2] == (
        "| slow | public (hub) | 224 | 11.00 | 90.0 (80.0 to 95.0) | 0.900 | - | 100 (190) | 22.0 "
        "| 100 | 12.0 | 1.00 |"
    )
    assert "failed: not \\| known" in lines[3]
    assert "≥ 10 (190)" in lines[4]
    assert "of the split val, by which the kept epoch and the thresholds were chosen too" in text
    assert "From scratch: random weights" in text


def test_the_page_escapes_names_and_rings_what_is_from_scratch() -> None:
    text = page.render_html(COMPARED, ROWS)
    assert "no&lt;where" in text
    assert "no<where" not in text
    assert text.count('<g class="place') == 2
    assert text.count('<g class="place scratch"') == 1
    assert "<script" not in text


def test_an_accuracy_of_no_photographs_is_a_dash() -> None:
    nothing = IntervalValue.model_validate(Share(0, of=0).as_json())
    rows = (replace(ROWS[0], figures=FIGURES.model_copy(update={"top_accuracy": nothing})),)
    assert "| 11.00 | - | 0.900 |" in page.render_markdown(COMPARED, rows)
    assert "<td>11.00</td>\n      <td>\N{EN DASH}</td>" in page.render_html(COMPARED, rows)


def test_a_page_of_failures_alone_has_no_plot() -> None:
    assert "<svg" not in page.render_html(COMPARED, ROWS[1:2])


def test_faster_is_further_right_and_better_is_higher() -> None:
    drawn_plot = page.plot(ROWS)
    assert drawn_plot is not None
    slow, quick = drawn_plot.dots
    assert slow.x < quick.x
    assert slow.y < quick.y  # from the top
    assert slow.high < slow.y < slow.low
