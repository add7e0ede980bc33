"""Snapshots: the same photographs, the same bytes; whole or refused; read by offset."""

from __future__ import annotations

import importlib
import json
import shutil
import tarfile
import warnings
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest

from model.atomic_folders import atomic_folder
from model.data import assembly, snapshot, sources
from model.data.dataset import Split, read, refuse_untrainable
from model.data.division import SplitOptions, SplitShares
from model.data.entries import Entry
from model.data.inspecting import Seen
from model.data.plan import SnapshotPlan
from model.data.shards import samples
from schemas.errors import ConfigurationError
from tests.unit.data_builders import (
    about,
    csv,
    drawn,
    encoded,
    folder,
    imported,
    inspect,
    photo,
    picture,
    put,
)

LABELS = ("food", "menu")


def refusal(source: Path, output: Path, wanted: SnapshotPlan | None = None, **more: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        imported(source, output, wanted, **more)
    assert not output.exists() or list(output.iterdir()) == []
    return str(caught.value)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("made")
    folder(place / "photos", *LABELS, each=10)
    folder(place / "none", ".", each=5)
    return imported(place / "photos", place / "out", SnapshotPlan("small"), negatives=place / "none")[0]


def test_the_same_photographs_give_the_same_bytes_under_the_same_name(tmp_path: Path, made: Path) -> None:
    folder(tmp_path / "photos", *reversed(LABELS), each=10)
    folder(tmp_path / "none", ".", each=5)
    again, existed = imported(
        tmp_path / "photos", tmp_path / "out", SnapshotPlan("small"), negatives=tmp_path / "none"
    )
    assert not existed
    assert again.name == made.name
    names = sorted(path.name for path in made.iterdir())
    assert names == sorted(path.name for path in again.iterdir())
    assert all((made / name).read_bytes() == (again / name).read_bytes() for name in names)


def test_the_digest_follows_labels_and_splits(tmp_path: Path) -> None:
    photos = folder(tmp_path / "photos", *LABELS)
    first = about(imported(photos, tmp_path / "out"))
    other_split = about(imported(photos, tmp_path / "out", SnapshotPlan(how=SplitOptions(seed=3))))
    (photos / "menu").rename(photos / "human")
    other_label = about(imported(photos, tmp_path / "out"))
    assert len({first.digest, other_split.digest, other_label.digest}) == 3
    assert first.folder == f"photos-{first.digest[:12]}"


def test_what_is_there_already_is_left_alone(tmp_path: Path) -> None:
    photos = folder(tmp_path / "photos", *LABELS)
    place, _ = imported(photos, tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in place.iterdir()}
    assert imported(photos, tmp_path / "out") == (place, True)
    assert before == {path: path.stat().st_mtime_ns for path in place.iterdir()}
    (place / "train-000000.tar").unlink()
    with pytest.raises(ConfigurationError, match="remove it, and import again"):
        imported(photos, tmp_path / "out")


def test_training_reads_each_photograph_from_its_shard(made: Path) -> None:
    data = read(made)
    assert data.labels == LABELS
    assert len(data.photographs) == 25
    by_name = {each.path.name: each for each in data.photographs}
    assert by_name["food/3.jpg"].path.read_bytes() == picture(("food", 3))
    assert by_name["food/3.jpg"].labels == ("food",)
    assert sum(not each.labels for each in data.photographs) == 5
    assert {split: len(data.of(split)) for split in Split if split} == {"train": 17, "val": 5, "test": 3}
    assert data.digest == snapshot.describe(made).digest
    refuse_untrainable(data)


def test_negatives_may_be_given_beside_a_snapshot(tmp_path: Path, made: Path) -> None:
    data = read(made, negatives=folder(tmp_path / "other", ".", each=4))
    assert len(data.photographs) == 29
    assert data.digest != read(made).digest


def test_webdataset_reads_the_shards(made: Path) -> None:
    webdataset = importlib.import_module("webdataset")  # of the extra, and without types

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = list(webdataset.WebDataset(str(made / "train-000000.tar"), shardshuffle=False))
    assert len(found) == 17
    labelled = [json.loads(sample["json"])["labels"] for sample in found]
    assert sorted(map(len, labelled)) == [0] * 3 + [1] * 14
    assert all(sample["jpg"].startswith(b"\xff\xd8") for sample in found)


def test_training_draws_the_labels_of_a_snapshot_evenly(tmp_path: Path) -> None:
    from model.preprocess import Preprocess  # noqa: PLC0415
    from model.training import pictures  # noqa: PLC0415 - imports torch

    for label, count in (("food", 30), ("menu", 6)):
        for number in range(count):
            put(tmp_path / "photos" / label / f"{number}.jpg", picture((label, number)))
    place = imported(
        tmp_path / "photos", tmp_path / "out", SnapshotPlan(how=SplitOptions(SplitShares(0.5, 0.5, 0.0)))
    )[0]
    data = read(place)
    loaded = pictures.load(data.of(Split.TRAIN), labels=data.labels, preprocess=Preprocess(size=32))
    totals = defaultdict[str, float](float)
    for each, weight in zip(loaded.photographs, loaded.weights.tolist(), strict=True):
        totals[each.main] += weight
    assert totals["food"] == pytest.approx(totals["menu"])
    said = snapshot.describe(place).imbalance
    assert (said.most, said.fewest, said.ratio) == ("food", "menu", 5.0)


def damaged(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "damaged"))


def test_a_corrupt_shard_is_named_with_its_mend(tmp_path: Path, made: Path) -> None:
    place = damaged(made, tmp_path)
    shard = place / "val-000000.tar"
    data = bytearray(shard.read_bytes())
    data[1000] ^= 1
    shard.write_bytes(data)
    with pytest.raises(
        ConfigurationError, match=r"val-000000\.tar: a corrupt shard.*copy the snapshot again"
    ):
        read(place)


def test_a_shard_that_is_missing_or_cut_short_is_named(tmp_path: Path, made: Path) -> None:
    place = damaged(made, tmp_path)
    shard = place / "test-000000.tar"
    shard.write_bytes(shard.read_bytes()[:-512])
    with pytest.raises(ConfigurationError, match=r"test-000000\.tar: a corrupt shard"):
        read(place)
    shard.unlink()
    with pytest.raises(ConfigurationError, match=r"test-000000\.tar: a shard that cannot be read"):
        read(place)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"labels": ["food", "human"]}, "its digest is not that of its labels"),
        ({"format": 9}, "of format 9"),
        ({"shards": [{"file": "../x.tar"}]}, "damaged"),
    ],
)
def test_a_changed_snapshot_json_is_refused(
    tmp_path: Path, made: Path, change: dict[str, object], says: str
) -> None:
    place = damaged(made, tmp_path)
    file = place / "snapshot.json"
    file.write_text(json.dumps(json.loads(file.read_bytes()) | change))
    with pytest.raises(ConfigurationError, match=says):
        read(place)


def test_a_snapshot_json_that_is_none_is_refused(tmp_path: Path, made: Path) -> None:
    place = damaged(made, tmp_path)
    (place / "snapshot.json").write_text("{")
    with pytest.raises(ConfigurationError, match=r"snapshot\.json: damaged"):
        read(place)


def test_many_photographs_make_several_shards(tmp_path: Path) -> None:
    found = sources.gather(folder(tmp_path / "photos", *LABELS)).found
    made = assembly.assemble(inspect(found), SnapshotPlan(), labels=LABELS)
    (tmp_path / "out").mkdir()
    written = snapshot.write_shards(tmp_path / "out", made.placed, per_shard=3)
    assert [(each.file, each.pictures) for each in written] == [
        ("train-000000.tar", 3),
        ("train-000001.tar", 3),
        ("train-000002.tar", 2),
        ("val-000000.tar", 2),
        ("test-000000.tar", 2),
    ]


def test_the_shards_say_nothing_of_this_machine(made: Path) -> None:
    with tarfile.open(made / "train-000000.tar") as tar:
        members = tar.getmembers()
    assert {(each.mtime, each.uid, each.uname, each.mode) for each in members} == {(0, 0, "", 0o644)}


def test_a_snapshot_says_what_is_in_it_and_what_was_left_out(tmp_path: Path) -> None:
    photos = folder(tmp_path / "photos", *LABELS)
    put(photos / "food/broken.jpg", b"broken")
    put(photos / "food/tiny.png", encoded(drawn("tiny", (63, 200)), "PNG"))
    put(photos / "menu/copy.jpg", picture(("menu", 1)))
    put(photos / "menu/near.jpg", encoded(drawn(("menu", 2)), quality=60))
    put(photos / "food/both.jpg", picture(("menu", 3)))
    document = about(imported(photos, tmp_path / "out"))
    assert document.pictures == 12
    assert {label: document.sources[""].labels[label] for label in LABELS} == {"food": 6, "menu": 6}
    assert [(each.place, each.cause.value) for each in document.refused.every] == [
        ("food/both.jpg", "conflict"),
        ("food/broken.jpg", "unreadable"),
        ("food/tiny.png", "too_small"),
        ("menu/3.jpg", "conflict"),
        ("menu/copy.jpg", "duplicate"),
    ]
    assert dict(document.refused.counts) == {"conflict": 2, "duplicate": 1, "too_small": 1, "unreadable": 1}
    assert [sorted(group) for group in document.near_duplicates.groups] == [["menu/2.jpg", "menu/near.jpg"]]
    sides = {each.path.name: each.split for each in read(tmp_path / "out" / document.folder).photographs}
    assert sides["menu/2.jpg"] == sides["menu/near.jpg"]
    assert document.settings.seed == 0


def test_a_conflict_is_merged_where_it_is_wanted(tmp_path: Path) -> None:
    photos = folder(tmp_path / "photos", *LABELS)
    put(photos / "food/both.jpg", picture(("menu", 3)))
    document = about(imported(photos, tmp_path / "out", SnapshotPlan(merge_conflicts=True)))
    assert document.merged == ("food/both.jpg = menu/3.jpg: food, menu",)


def test_near_duplicates_that_the_data_parted_are_moved_and_told(tmp_path: Path) -> None:
    photos = folder(tmp_path, *LABELS, each=4)
    put(photos / "food/near.jpg", encoded(drawn(("food", 0)), quality=60))
    rows = [f"{label}/{number}.jpg,{label},train" for label in LABELS for number in (1, 2, 3)]
    rows += ["food/0.jpg,food,test", "food/near.jpg,food,train", "menu/0.jpg,menu,val"]
    table = csv(tmp_path / "labels.csv", "path,label,split", *rows)
    near = about(imported(table, tmp_path / "out")).near_duplicates
    assert (near.across, near.moved) == (1, ("food/0.jpg",))
    assert about(imported(table, tmp_path / "out", SnapshotPlan(resplit=True))).near_duplicates.moved == ()


def test_what_may_mislead_is_told(tmp_path: Path) -> None:
    photos = folder(tmp_path, "food", each=20)
    folder(tmp_path, "menu", each=2)
    put(photos / "menu/like-food.jpg", encoded(drawn(("food", 0)), quality=60))
    rows = [f"food/{number}.jpg,food,{'val' if number < 3 else ''},x" for number in range(20)]
    rows += ["menu/0.jpg,menu,train,y", "menu/1.jpg,menu,train,y", "menu/like-food.jpg,menu,train,y"]
    rows += ["food/19.jpg,food,test,x"]
    said = "\n".join(
        about(imported(csv(tmp_path / "l.csv", "path,label,split,source", *rows), tmp_path / "o")).warnings
    )
    assert "'menu' has no photograph in val" in said
    assert "1 groups of near duplicates stand under different labels" in said
    assert "1 sources stand on more than one side" in said


def test_one_photograph_of_a_label_is_refused_with_its_mend(tmp_path: Path) -> None:
    photos = folder(tmp_path / "photos", "food")
    folder(tmp_path / "photos", "menu", each=1)
    assert "1 photograph of 'menu'; at least 2" in refusal(photos, tmp_path / "out")


def test_one_image_alone_is_refused(tmp_path: Path) -> None:
    assert "1 photograph of 'food'" in refusal(folder(tmp_path / "p", "food", each=1), tmp_path / "out")


def test_a_label_whose_photographs_are_all_unreadable_is_refused(tmp_path: Path) -> None:
    photos = folder(tmp_path / "photos", "food", "human")
    put(photos / "menu/a.jpg", b"broken")
    said = refusal(photos, tmp_path / "out")
    assert "0 photographs of 'menu' (left out: 1 unreadable, as menu/a.jpg: not an image" in said
    assert imported(photos, tmp_path / "out", SnapshotPlan(leave_out=("menu",)))[0].is_dir()


def test_nothing_readable_at_all_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "photos/food/a.jpg", b"broken")
    assert "no photograph is left (left out: 1 unreadable" in refusal(tmp_path / "photos", tmp_path / "out")


def test_one_label_alone_needs_negatives(tmp_path: Path) -> None:
    photos = folder(tmp_path / "photos", "food")
    assert "only the label 'food'" in refusal(photos, tmp_path / "out")
    none = folder(tmp_path / "none", ".")
    place = imported(photos, tmp_path / "out", negatives=none)[0]
    assert read(place).labels == ("food",)


def test_a_label_seen_only_in_test_is_refused_by_the_import_and_by_training(tmp_path: Path) -> None:
    folder(tmp_path, *LABELS, each=2)
    rows = [
        f"{label}/{n}.jpg,{label},{'test' if label == 'menu' else 'train'}"
        for label in LABELS
        for n in (0, 1)
    ]
    table = csv(tmp_path / "labels.csv", "path,label,split", *rows)
    assert "'menu' is seen only in test" in refusal(table, tmp_path / "out")
    with pytest.raises(ConfigurationError, match="'menu' is seen only in test"):
        refuse_untrainable(read(table))


def test_a_snapshot_for_judging_alone_may_be_and_says_so(tmp_path: Path) -> None:
    folder(tmp_path, *LABELS, each=2)
    rows = [f"{label}/{number}.jpg,{label},test" for label in LABELS for number in (0, 1)]
    made = imported(csv(tmp_path / "labels.csv", "path,label,split", *rows), tmp_path / "out")
    assert "nothing is for training" in about(made).warnings[0]


def test_a_photograph_that_changes_meanwhile_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    photos = folder(tmp_path / "photos", *LABELS)
    found = [
        Entry(replace(photo("", label), path=path), path.name)
        for label in LABELS
        for path in (photos / label).iterdir()
    ]
    answers = inspect(found)
    put(photos / "food/1.jpg", picture("another"))
    with (
        pytest.raises(ConfigurationError, match=r"1\.jpg: changed while it was imported"),
        atomic_folder(tmp_path / "out") as within,
    ):
        assembly.write(
            assembly.assemble(answers, SnapshotPlan(), labels=LABELS), SnapshotPlan(), within=within
        )
    assert list((tmp_path / "out").iterdir()) == []


def test_a_snapshot_is_a_source_of_the_next_one(tmp_path: Path, made: Path) -> None:
    again = imported(made, tmp_path / "out", SnapshotPlan("small"))
    assert about(again).digest == snapshot.describe(made).digest


def test_pictures_are_named_for_what_they_are(tmp_path: Path) -> None:
    photos = folder(tmp_path / "photos", *LABELS, each=3)
    put(photos / "food/really-a-png.jpg", encoded(drawn("png"), "PNG"))
    place = imported(photos, tmp_path / "out")[0]
    names = [
        piece.name
        for shard in place.glob("*.tar")
        for each in samples(shard)
        for piece in each.pieces.values()
    ]
    assert sorted(Path(name).suffix for name in names) == [".jpg"] * 6 + [".json"] * 7 + [".png"]


def test_a_photograph_that_lies_on_its_side_is_measured_upright(tmp_path: Path) -> None:
    exif = drawn("x").getexif()
    exif[0x0112] = 6
    file = put(tmp_path / "a.jpg", encoded(drawn("x", (200, 100)), exif=exif))
    (answer,) = inspect([Entry(replace(photo("", "food"), path=file), "a.jpg")])
    assert isinstance(answer, Seen)
    assert (answer.width, answer.height) == (100, 200)
