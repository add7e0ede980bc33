"""A whole training in seconds: drawn shapes, the tiny network, a version that loads and serves."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageDraw
from safetensors.torch import save_file
from typer.testing import CliRunner

from model import checkpoint
from model.data.dataset import Split, read
from model.manifest import decisive_digest
from model.networks.architectures import build
from model.preprocess import Preprocess
from model.serving.classifier import Classifier
from model.training.finetune import FineTuning
from model.training.pictures import load
from model.training.recipe import Recipe
from model.training.run import TrainingJob, TrainingResult, train
from model.training.sampling import Sampler
from schemas.errors import ConfigurationError
from tagstream.commands.model import app

RECIPE = Recipe(architecture="tiny", epochs=2, batch_size=4, size=64, train_size=64, cache_size=64)


def shapes(folder: Path) -> Path:
    for i in range(8):
        for label, colour in (("disc", "red"), ("stripes", "blue")):
            picture = Image.new("RGB", (80, 60), (10 * i, 10 * i, 10 * i))
            pen = ImageDraw.Draw(picture)
            if label == "disc":
                pen.ellipse((10, 5, 60, 50), fill=colour)
            else:
                pen.rectangle((0, 10 + i, 80, 40 + i), fill=colour)
            (folder / label).mkdir(parents=True, exist_ok=True)
            picture.save(folder / label / f"{label}{i}.png")
    (folder / "disc" / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("training")


@pytest.fixture(scope="module")
def outcome(place: Path) -> TrainingResult:
    torch.set_num_threads(1)
    return train(TrainingJob(shapes(place / "shapes"), output=place / "shapes-v1", recipe=RECIPE))


def test_a_training_writes_a_version_that_loads_and_serves(place: Path, outcome: TrainingResult) -> None:
    classifier = Classifier.load(place / "shapes-v1", device="cpu")
    classifier.check_golden()
    picture = (place / "shapes" / "disc" / "disc1.png").read_bytes()
    (scores,) = classifier.forward([classifier.preprocess.decode(picture)])
    assert scores.top == "disc"
    assert scores.model == outcome.manifest.ref


def test_a_picture_that_cannot_be_read_is_left_out_and_said(outcome: TrainingResult) -> None:
    (line,) = outcome.unreadable
    assert line.startswith("cut.jpg: ")


def test_the_probe_every_epoch_and_the_blends_are_tried_and_the_best_is_kept(outcome: TrainingResult) -> None:
    trials = outcome.trained.trials
    assert [trial.name for trial in trials][:3] == ["probe", "epoch 1", "epoch 2"]
    assert outcome.trained.chosen.loss == min(trial.loss for trial in trials)


def test_patience_ends_a_training_that_gets_no_better(place: Path, outcome: TrainingResult) -> None:
    assert outcome
    still = replace(RECIPE, epochs=50, patience=2, head_rate=0.0, body_rate=0.0, blends=())
    found = train(TrainingJob(place / "shapes", output=place / "still-v1", recipe=still))
    assert [trial.name for trial in found.trained.trials] == ["probe", "epoch 1", "epoch 2"]


def test_patience_begins_when_the_body_learns(place: Path, outcome: TrainingResult) -> None:
    assert outcome
    still = replace(RECIPE, epochs=50, patience=1, freeze_epochs=2, head_rate=0.0, body_rate=0.0, blends=())
    found = train(TrainingJob(place / "shapes", output=place / "frozen-v1", recipe=still))
    assert [trial.name for trial in found.trained.trials][-1] == "epoch 3"


def test_name_and_version_are_those_of_the_folder(outcome: TrainingResult) -> None:
    assert (outcome.manifest.name, outcome.manifest.version) == ("shapes", "v1")


def test_the_card_and_the_manifest_carry_the_report(place: Path, outcome: TrainingResult) -> None:
    card = (place / "shapes-v1" / "model-card.md").read_text()
    assert "Report on `val`" in card
    assert set(outcome.manifest.metrics) == {"val"}


def test_recorded_figures_say_of_which_decisions_and_photographs_they_are(outcome: TrainingResult) -> None:
    found = outcome.manifest.metrics["val"]
    assert isinstance(found, dict)
    assert found["judged"] == decisive_digest(outcome.manifest)
    assert len(str(found["data"])) == 64


def test_every_layer_learns_and_the_statistics_of_the_batch_norms_stay(
    place: Path, outcome: TrainingResult
) -> None:
    assert outcome
    data = read(place / "shapes")
    drawn = load(data.of(Split.TRAIN), labels=data.labels, preprocess=Preprocess(size=64))
    network = build("tiny", 2)
    tuning = FineTuning(network, recipe=RECIPE, train=drawn, val=drawn)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    for step in range(3):
        tuning.learn(Sampler(drawn, recipe=RECIPE).draw(step))
    moved = {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])}
    assert moved == {name for name, _ in network.named_parameters()}


def test_the_same_seed_trains_the_same_weights(place: Path, outcome: TrainingResult) -> None:
    again = train(TrainingJob(place / "shapes", output=place / "again-v1", recipe=RECIPE))
    assert again.manifest.sha256 == outcome.manifest.sha256


def test_an_output_that_exists_is_refused_before_any_work(place: Path, outcome: TrainingResult) -> None:
    with pytest.raises(ConfigurationError, match=outcome.manifest.name):
        train(TrainingJob(place / "shapes", output=place / "shapes-v1", recipe=RECIPE))


def test_an_output_without_a_version_in_its_name_is_refused(place: Path) -> None:
    with pytest.raises(ConfigurationError, match="NAME-VERSION"):
        train(TrainingJob(place / "shapes", output=place / "model", recipe=RECIPE))


def test_weights_of_another_network_are_refused(place: Path, outcome: TrainingResult) -> None:
    assert outcome
    save_file({"features.9.weight": torch.zeros(3)}, place / "foreign.safetensors")
    order = TrainingJob(
        place / "shapes", output=place / "x-v1", weights=place / "foreign.safetensors", recipe=RECIPE
    )
    with pytest.raises(ConfigurationError, match=r"foreign\.safetensors"):
        train(order)


def test_a_version_can_be_trained_on_from_its_own_weights(place: Path, outcome: TrainingResult) -> None:
    assert outcome
    weights = place / "shapes-v1" / "model.safetensors"
    train(TrainingJob(place / "shapes", output=place / "shapes-v2", weights=weights, recipe=RECIPE))
    assert checkpoint.read(place / "shapes-v2").manifest.version == "v2"


def test_the_command_trains_and_prints_one_document(place: Path) -> None:
    arguments = ["train", str(shapes(place / "more")), "--architecture", "tiny", "--epochs", "1"]
    more = ["--output", str(place / "more-v1"), "--threads", "1", "--batch-size", "8", "--json"]
    more += ["--cache", str(place / "cache")]
    result = CliRunner().invoke(app, [*arguments, *more])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["model"]["name"] == "more"
    assert document["kept"] in {trial["name"] for trial in document["trials"]}
    assert len(document["unreadable"]) == 1
    assert "mind: 1 photograph cannot be read: disc/cut.jpg\n" in result.stderr
