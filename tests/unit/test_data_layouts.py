"""Photographs in folders of splits, splits that are forgotten, and names that are no text."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from model.data import dataset, sources
from model.data.photograph import Split
from model.data.plan import SnapshotPlan
from model.data.reading import Reading
from tests.unit.data_builders import (
    about,
    blank,
    causes,
    csv,
    folder,
    imported,
    judged,
    picture,
    refusal,
    tar,
)


@pytest.mark.parametrize(
    ("train", "val", "test"),
    [
        ("train", "val", "test"),
        ("training", "validation", "testing"),
        ("Train", "valid", "TEST"),
        ("images/train", "images/val", "images/test"),
    ],
)
def test_folders_of_splits_above_those_of_labels_are_splits(
    tmp_path: Path, train: str, val: str, test: str
) -> None:
    names = [f"{side}/{label}/a.jpg" for side in (train, val, test) for label in ("food", "menu")]
    gathered = sources.gather(blank(tmp_path, *names))
    assert [(split, labels) for _, labels, _, split in judged(gathered)] == [
        (split, (label,))
        for split in sorted(("train", "val", "test"), key={"train": train, "val": val, "test": test}.get)  # type: ignore[arg-type]
        for label in ("food", "menu")
    ]
    assert {each.place for each in gathered.found} == set(names)


def test_training_takes_folders_of_splits_as_such(tmp_path: Path) -> None:
    names = [
        f"{side}/{label}/{n}.jpg" for side in ("train", "val") for label in ("food", "menu") for n in "ab"
    ]
    data = dataset.read(blank(tmp_path, *names))
    assert data.labels == ("food", "menu")
    assert [len(data.of(split)) for split in (Split.TRAIN, Split.VAL, Split.TEST)] == [4, 4, 0]


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(("train/a.jpg", "test/b.jpg"), id="they hold pictures and no folders"),
        pytest.param(("train/red/a.jpg", "bus/b.jpg"), id="other labels stand beside them"),
    ],
)
def test_a_folder_that_is_named_as_a_split_may_be_a_label(tmp_path: Path, names: tuple[str, ...]) -> None:
    labels = {each.photograph.main for each in sources.gather(blank(tmp_path, *names)).found}
    assert labels == {name.partition("/")[0] for name in names}


def test_negatives_in_folders_of_splits_are_on_these_sides(tmp_path: Path) -> None:
    blank(tmp_path / "none", "train/a.jpg", "test/sub/b.jpg")
    assert judged(sources.gather_negatives(tmp_path / "none")) == [
        ("test/sub/b.jpg", (), (), "test"),
        ("train/a.jpg", (), (), "train"),
    ]
    blank(tmp_path / "none", "dogs/c.jpg")
    assert {split for *_, split in judged(sources.gather_negatives(tmp_path / "none"))} == {""}


def test_a_label_may_be_empty_in_one_split_and_not_in_all(tmp_path: Path) -> None:
    blank(tmp_path, "train/food/a.jpg", "train/menu/a.jpg", "val/food/b.jpg")
    (tmp_path / "val/menu").mkdir()
    assert len(sources.gather(tmp_path).found) == 3
    (tmp_path / "train/menu/a.jpg").unlink()
    assert "no photographs for the label 'menu'" in refusal(tmp_path)
    assert len(sources.gather(tmp_path, Reading(("menu",))).found) == 2


def test_pictures_beside_the_labels_of_a_split_are_told(tmp_path: Path) -> None:
    gathered = sources.gather(blank(tmp_path, "train/food/a.jpg", "test/1.jpg", "train/loose.jpg"))
    assert causes(gathered.refused) == [("test/1.jpg", "unlabelled"), ("train/loose.jpg", "unlabelled")]


def test_splits_are_forgotten_before_one_is_refused_that_is_none(tmp_path: Path) -> None:
    folder(tmp_path, "food", "menu")
    rows = [f"{label}/{number}.jpg,{label},fold{number}" for label in ("food", "menu") for number in range(6)]
    file = csv(tmp_path / "l.csv", "path,label,split", *rows)
    assert "split 'fold0' is not train, val or test; --resplit forgets" in refusal(file)
    splits = about(imported(file, tmp_path / "out", SnapshotPlan(resplit=True))).splits
    assert sum(each.pictures for each in splits.values()) == 12


def unspeakable(place: Path) -> str:
    """A picture under a name that is not UTF-8; how it is shown."""
    place.mkdir(parents=True, exist_ok=True)
    (place / os.fsdecode(b"caf\xe9.jpg")).write_bytes(picture("another"))
    return f"{place.name}/caf\\xe9.jpg"


def test_a_file_name_that_is_not_utf_8_is_one_line_of_the_report(tmp_path: Path) -> None:
    photos = folder(tmp_path / "photos", "food", "menu")
    shown = unspeakable(photos / "food")
    document = about(imported(photos, tmp_path / "out"))
    assert [(each.place, each.cause, each.why) for each in document.refused.every] == [
        (shown, "unreadable", "its name is not UTF-8; rename it")
    ]
    assert document.pictures == 12


def test_a_label_s_name_that_is_not_utf_8_is_said_to_be_so(tmp_path: Path) -> None:
    unspeakable(tmp_path / os.fsdecode(b"caf\xe9"))
    assert "is not UTF-8; rename it" in refusal(tmp_path)


def test_training_and_evaluation_leave_out_a_name_that_is_not_utf_8(tmp_path: Path) -> None:
    photos, none = folder(tmp_path / "photos", "food", "menu"), folder(tmp_path / "none", ".")
    shown = [unspeakable(photos / "food"), unspeakable(none).partition("/")[2]]
    data = dataset.read(photos, negatives=none)
    assert (len(data.photographs), len(data.digest)) == (18, 64)
    assert [each.place for each in data.refused] == shown


def test_a_shard_s_name_that_is_not_utf_8_is_one_line_too(tmp_path: Path) -> None:
    shard = tar(tmp_path / "a.tar", **{"caf\udce9__jpg": b"x", "caf\udce9__cls": b"food"})
    assert causes(sources.gather(shard).refused) == [("a.tar:caf\\xe9", "unreadable")]
