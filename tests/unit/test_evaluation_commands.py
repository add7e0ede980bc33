"""`model evaluate`, `compare` and `calibrate` on drawn pictures and the tiny network."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner, Result

from model import checkpoint
from model.data.dataset import Split, read
from model.evaluation import predict, speed
from model.evaluation.figures import report
from model.evaluation.speed import benchmark
from model.manifest import Input, decisive_digest
from model.serving.classifier import Classifier
from model.serving.finishing import finished
from model.tiny_version import LABELS, write_tiny_version
from schemas.errors import ConfigurationError
from tagstream.commands.model import app
from tagstream.commands.options import targets


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two tiny versions, and a table of photographs with two sources, a file that is none, and a negative."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("evaluation")
    write_tiny_version(folder / "tiny-v1")
    write_tiny_version(folder / "tiny-v2", version="v2", seed=1)
    rows = ["path,label,labels,split,source"]
    for split in ("train", "val"):
        for i, label in enumerate(LABELS * 3):
            name = f"{split}{i}.png"
            Image.new("RGB", (80 + 60 * i, 60), (20 * i, 255 - 20 * i, 40 * (i % 4))).save(folder / name)
            rows.append(f"{name},{label},{label},{split},{split} site {i % 2}")
    (folder / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    rows.append("cut.jpg,food,food,val,val site 0")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    Image.new("RGB", (70, 70), "purple").save(folder / "other.png")
    (folder / "other.csv").write_text("path,label,source\nother.png,other,val site 0\n")
    return folder


def ran(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def data(place: Path) -> tuple[object, ...]:
    return (place / "labels.csv", "--negatives", place / "other.csv", "--split", "val")


def test_a_version_is_judged_through_the_path_that_serves(place: Path) -> None:
    classifier = Classifier.load(place / "tiny-v1", device="cpu")
    photographs = read(place / "labels.csv").of(Split.VAL)
    seen = predict.predict(classifier, photographs)
    (line,) = seen.unreadable
    assert line.startswith("cut.jpg: ")
    for photo, row in zip(seen.photographs, seen.probabilities.tolist(), strict=True):
        (scores,) = classifier.forward([classifier.preprocess.decode(photo.path.read_bytes())])
        assert row == pytest.approx([scores.probabilities[label] for label in LABELS], abs=1e-5)
    assert seen.sides.tolist() == [80 + 60 * i for i in range(12)]
    green = seen.brightness[0]  # (0, 255, 0)
    assert float(green) == pytest.approx(0.587, abs=0.01)


def test_labels_may_be_had_in_another_order(place: Path) -> None:
    classifier = Classifier.load(place / "tiny-v1", device="cpu")
    photographs = read(place / "labels.csv").of(Split.VAL)
    turned = predict.predict(classifier, photographs, labels=LABELS[::-1])
    assert torch.equal(turned.probabilities.flip(1), predict.predict(classifier, photographs).probabilities)


def test_evaluate_prints_one_document(place: Path) -> None:
    result = ran("evaluate", place / "tiny-v1", *data(place), "--against", "train", "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["model"]["version"] == "v1"
    assert document["top_accuracy"]["of"] == 12
    assert (document["negatives"], document["unreadable"]) == (1, 1)
    assert document["speed"]["images_per_second"] > 0
    assert document["resampled"]["by"] == "source"
    assert document["against"]["split"] == "train"
    gap = document["against"]["gap"]["top_accuracy"]
    assert gap["difference"] == pytest.approx(gap["b"] - gap["a"], abs=2e-4)


def test_evaluate_shows_tables_and_writes_a_page(place: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    result = ran("evaluate", place / "tiny-v1", *data(place), "--against", "train", "--html", page)
    assert result.exit_code == 0, result.output
    assert "One tag, and another one set" in result.stdout
    assert "by heart" in result.stdout
    assert page.read_text().endswith("</html>")
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]


def test_a_report_is_recorded_once_with_the_decisions_that_it_is_of(place: Path) -> None:
    version = write_tiny_version(place / "recorded-v1")
    assert ran("evaluate", version, *data(place), "--record").exit_code == 0
    manifest = checkpoint.read_manifest(version)
    recorded = manifest.metrics["val"]
    assert isinstance(recorded, dict)
    assert recorded["judged"] == decisive_digest(manifest)
    assert recorded["top_accuracy"]["of"] == 12  # type: ignore[index, call-overload]
    card = checkpoint.read(version).card
    assert "## Report on `val`" in card
    assert "over sources" in card
    assert "val site" not in card  # sources are names
    again = ran("evaluate", version, *data(place), "--record")
    assert isinstance(again.exception, ConfigurationError)
    assert "recorded already" in str(again.exception)
    assert not again.stderr  # before any work


def test_compare_holds_two_versions_against_each_other(place: Path, tmp_path: Path) -> None:
    page = tmp_path / "ab.html"
    versions = (place / "tiny-v1", place / "tiny-v2")
    result = ran("compare", *versions, *data(place), "--html", page, "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert (document["a"]["version"], document["b"]["version"]) == ("v1", "v2")
    right = [document["reports"][name]["top_accuracy"]["hits"] for name in "ab"]
    assert document["top"]["only_b"] - document["top"]["only_a"] == right[1] - right[0]
    assert document["speed"]["ratio"] > 0
    assert "tiny v2" in page.read_text()
    assert "McNemar p = " in ran("compare", *versions, *data(place)).stdout


def test_versions_of_other_labels_are_refused_before_they_are_judged(place: Path) -> None:
    version = checkpoint.read(place / "tiny-v1")
    labels = ("ambiance", "food", "human", "pets")
    manifest = version.manifest.model_copy(
        update={"labels": labels, "thresholds": dict.fromkeys(labels, 0.5), "golden": (), "routes": ()}
    )
    checkpoint.write(place / "pets-v1", checkpoint.Version(manifest, version.weights, card="", golden={}))
    result = ran("compare", place / "tiny-v1", place / "pets-v1", *data(place))
    assert isinstance(result.exception, ConfigurationError)
    assert "A alone has ['menu'], B alone ['pets']" in str(result.exception)


def test_calibrate_writes_a_new_version_of_the_same_weights(place: Path) -> None:
    output = place / "tiny-v3"
    wish = ("--recall", "0.6", "--precision", "menu=0.99", "--output", output, "--json")
    result = ran("calibrate", place / "tiny-v1", *data(place)[:3], *wish)
    assert result.exit_code == 0, result.output
    old, new = checkpoint.read(place / "tiny-v1"), checkpoint.read(output)
    assert new.manifest.sha256 == old.manifest.sha256
    assert new.manifest.version == "v3"
    assert new.manifest.chosen_for["food"]["recall"] == 0.6
    assert "precision" in new.manifest.chosen_for["menu"]
    assert json.loads(result.stdout)["thresholds"] == dict(new.manifest.thresholds)
    Classifier.load(output, device="cpu").check_golden()
    assert "The weights of tiny v1, unchanged" in new.card
    seen = predict.predict(Classifier.load(output, device="cpu"), read(place / "labels.csv").of(Split.VAL))
    assert report(seen).tag_recall["food"].value >= 0.6


def test_calibrate_sets_a_threshold_that_manifest_and_card_say_was_set_by_hand(place: Path) -> None:
    output = place / "tiny-v8"
    result = ran(
        "calibrate", place / "tiny-v1", *data(place)[:3], "--threshold", "menu=0.37", "--output", output
    )
    assert result.exit_code == 0, result.output
    new = checkpoint.read(output)
    assert new.manifest.thresholds["menu"] == 0.37
    assert new.manifest.chosen_for["menu"]["threshold"] == 0.37
    assert "| menu | 0.37 | set by hand" in new.card


def test_calibrate_takes_the_highest_f1_of_one_label_beside_a_threshold_for_all_others(place: Path) -> None:
    output = place / "tiny-v10"
    wish = ("--f1", "food", "--threshold", "0.4", "--output", output)
    result = ran("calibrate", place / "tiny-v1", *data(place)[:3], *wish)
    assert result.exit_code == 0, result.output
    new = checkpoint.read(output)
    assert {new.manifest.thresholds[label] for label in ("ambiance", "human", "menu")} == {0.4}
    chosen = new.manifest.chosen_for["food"]
    assert chosen["f1"] == 1.0
    assert "| the highest F1 (there: " in new.card
    both = read(place / "labels.csv", negatives=place / "other.csv").of(Split.VAL)
    seen = predict.predict(Classifier.load(output, device="cpu"), both)
    assert report(seen).f1["food"].value == pytest.approx(chosen["reached"], abs=1e-4)


def test_a_refusal_that_makes_the_recall_impossible_writes_no_version(place: Path) -> None:
    wish = ("--recall", "menu=0.9", "--refusal", "1", "--output", place / "tiny-v9")
    result = ran("calibrate", place / "tiny-v1", *data(place)[:3], *wish)
    assert isinstance(result.exception, ConfigurationError)
    assert "menu: a recall of 90.0% cannot be reached with a refusal of 1" in str(result.exception)
    assert not (place / "tiny-v9").exists()


def test_what_calibrate_cannot_reach_is_said(place: Path) -> None:
    wish = ("--precision", "menu=1", "--output", place / "tiny-v4")
    result = ran("calibrate", place / "tiny-v1", *data(place)[:3], *wish)
    assert result.exit_code == 0, result.output
    assert "not reached: menu: no threshold" in result.stderr
    assert "version written to" in result.stdout


@pytest.fixture
def relative(place: Path, tmp_path: Path) -> Path:
    """A version with the labels and the network of tiny v1, and other weights."""
    version = checkpoint.read(place / "tiny-v1")
    weights = {name: array * 3 for name, array in version.weights.items()}
    folder = tmp_path / "tiny-r1"
    checkpoint.write(folder, finished(replace(version, weights=weights)))
    return folder


def test_average_writes_the_mean_of_the_weights_decided_anew(
    place: Path, relative: Path, tmp_path: Path
) -> None:
    output, notes = tmp_path / "tiny-v5", tmp_path / "notes.md"
    notes.write_text("## Weaknesses\n\nSquares.\n", encoding="utf-8")
    options = ("--data", *data(place)[:3], "--notes", notes, "--output", output, "--json")
    result = ran("average", place / "tiny-v1", relative, *options)
    assert result.exit_code == 0, result.output
    old, new = checkpoint.read(place / "tiny-v1"), checkpoint.read(output)
    for name, array in old.weights.items():
        assert new.weights[name].dtype == array.dtype
        assert np.allclose(new.weights[name], 2 * array, rtol=1e-3), name
    Classifier.load(output, device="cpu").check_golden()
    made = json.loads(result.stdout)
    assert made["thresholds"] == dict(new.manifest.thresholds)
    recorded = new.manifest.metrics["val"]
    assert isinstance(recorded, dict)
    assert recorded["judged"] == decisive_digest(new.manifest)
    assert "The mean of the weights of these versions" in new.card
    assert "Squares." in new.card


def test_an_average_states_a_licence_only_where_all_do_and_what_each_began_with(
    place: Path, relative: Path, tmp_path: Path
) -> None:
    version = checkpoint.read(relative)
    rights = {"licence": "CC-BY-NC-4.0", "began_with": "public weights of something"}
    theirs = tmp_path / "theirs-v1"
    checkpoint.write(theirs, replace(version, manifest=version.manifest.model_copy(update=rights)))
    for output, versions, licence in (
        (tmp_path / "both-v1", (place / "tiny-v1", theirs), ""),
        (tmp_path / "twice-v1", (theirs, theirs), "CC-BY-NC-4.0"),
    ):
        result = ran("average", *versions, "--data", place / "labels.csv", "--output", output)
        assert result.exit_code == 0, result.output
        made = checkpoint.read(output)
        assert made.manifest.licence == licence
        assert "- Weights it began with: public weights of something" in made.card


def test_versions_that_are_not_alike_have_no_average(place: Path, relative: Path, tmp_path: Path) -> None:
    version = checkpoint.read(relative)
    larger = version.manifest.model_copy(update={"input": Input(size=96)})
    checkpoint.write(tmp_path / "large-v1", finished(replace(version, manifest=larger)))
    options = ("--data", place / "labels.csv", "--output", tmp_path / "tiny-v6")
    for versions, said in (
        ((place / "tiny-v1", tmp_path / "large-v1"), "differ in their input"),
        ((place / "tiny-v1",), "two versions or more"),
    ):
        result = ran("average", *versions, *options)
        assert isinstance(result.exception, ConfigurationError)
        assert said in str(result.exception)
    assert not (tmp_path / "tiny-v6").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("evaluate", "nowhere", "DATA"), "no model version"),
        (("evaluate", "VERSION", "DATA", "--split", "test"), "there are 12 in train and 13 in val"),
        (("evaluate", "VERSION", "DATA", "--html", "missing/report.html"), "no such folder"),
        (("evaluate", "VERSION", "DATA", "--split", "val", "--against", "val"), "name another split"),
        (("calibrate", "VERSION", "DATA", "--output", "runs/new-v1"), "--recall 0.98"),
        (("calibrate", "VERSION", "DATA", "--recall", "1", "--output", "runs/new"), "NAME-VERSION"),
        (("calibrate", "VERSION", "DATA", "--recall", "1", "--output", "VERSION"), "versions do not change"),
        (
            ("calibrate", "VERSION", "DATA", "--recall", "pets=1", "--output", "runs/new-v1"),
            "no label 'pets'",
        ),
    ],
)
def test_what_cannot_be_done_is_refused(place: Path, arguments: tuple[str, ...], said: str) -> None:
    names = {"VERSION": place / "tiny-v1", "DATA": place / "labels.csv"}
    result = ran(*(names.get(argument, argument) for argument in arguments))
    assert isinstance(result.exception, ConfigurationError)
    assert said in str(result.exception)


def test_a_label_s_own_target_outranks_that_for_all() -> None:
    wanted = targets(["0.9", "menu=0.99"], ["food=0.8"], labels=LABELS)
    said = {label: (each.name, each.share) for label, each in wanted.items()}
    assert said["menu"] == ("recall", 0.99)
    assert said["food"] == ("precision", 0.8)
    assert said["human"] == ("recall", 0.9)


@pytest.mark.parametrize(
    ("recalls", "precisions", "said"),
    [
        ([], [], "--recall 0.98"),
        (["much"], [], "a share is wanted"),
        (["0.9"], ["0.9"], "two targets for all labels"),
        (["menu=0.9"], ["menu=0.8"], "two targets for menu"),
    ],
)
def test_targets_that_make_no_sense_are_refused(recalls: list[str], precisions: list[str], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        targets(recalls, precisions, labels=LABELS)


def test_speed_is_that_of_batches_that_are_full_and_of_one_alone(place: Path) -> None:
    classifier = Classifier.load(place / "tiny-v1", device="cpu", threads=1)
    photographs = read(place / "labels.csv").of(Split.VAL)
    found = speed.measure(classifier, photographs, batch=16, seconds=0.01)
    assert (found.device, found.batch, found.threads) == ("cpu", 16, 1)
    assert found.latency_95_ms >= found.latency_ms > 0
    assert found.cpu_ms > 0
    assert found.decode_ms > 0


def test_a_race_is_run_in_turns(place: Path) -> None:
    a, b = (Classifier.load(place / name, device="cpu") for name in ("tiny-v1", "tiny-v2"))
    found = benchmark(a, b, read(place / "labels.csv").of(Split.VAL), batch=4, rounds=3)
    assert len(found.a) == len(found.b) == 3
    assert min(found.ratios) <= found.ratio <= max(found.ratios)


def test_photographs_of_which_none_can_be_read_are_refused(place: Path) -> None:
    classifier = Classifier.load(place / "tiny-v1", device="cpu")
    cut = [photo for photo in read(place / "labels.csv").of(Split.VAL) if photo.path.name == "cut.jpg"]
    with pytest.raises(ConfigurationError, match=r"none of the 1 photographs can be read; cut\.jpg"):
        predict.report_of(classifier, cut)
    with pytest.raises(ConfigurationError, match="no speed"):
        speed.measure(classifier, cut)


def test_tags_that_a_version_does_not_know_are_refused(place: Path) -> None:
    classifier = Classifier.load(place / "tiny-v1", device="cpu")
    table = place / "pets.csv"
    table.write_text(
        "path,label,split\n" + "".join(f"val{i}.png,{'cat' if i % 2 else 'food'},val\n" for i in range(4))
    )
    with pytest.raises(ConfigurationError, match=r"does not know the labels \['cat'\]"):
        predict.report_of(classifier, read(table).of(Split.VAL))
