"""Three-valued labels are read, kept and digested: yes, maybe, and no for every other."""

from __future__ import annotations

import json
import random
from hashlib import sha256
from pathlib import Path

import pytest
from PIL import Image

from model.data import dataset, near_duplicates, snapshot, sources, table
from model.data.photograph import Photograph
from model.data.plan import SnapshotPlan
from schemas.errors import ConfigurationError
from tests.unit.data_builders import about, csv, encoded, folder, imported, put, tar

HEAD = "path,label,labels,yes,maybe\n"


def rows(folder: Path, text: str) -> list[Photograph]:
    file = folder / "labels.csv"
    file.write_text(text, encoding="utf-8")
    return [row.photograph(folder / row.path) for row in table.rows(file)]


def test_a_column_yes_is_what_holds_and_label_names_the_main_one(tmp_path: Path) -> None:
    (photo,) = rows(tmp_path, HEAD + "a.jpg,human,human;menu,ambiance;human,food\n")
    assert (photo.labels, photo.maybe) == (("human", "ambiance"), ("food",))


def test_a_label_that_is_no_more_than_a_maybe_is_not_the_main_one(tmp_path: Path) -> None:
    (photo,) = rows(tmp_path, HEAD + "a.jpg,menu,menu,food,menu\n")
    assert (photo.main, photo.maybe) == ("food", ("menu",))


def test_maybes_stand_beside_the_columns_label_and_labels_too(tmp_path: Path) -> None:
    (photo,) = rows(tmp_path, "path,label,labels,maybe\na.jpg,human,food,menu;ambiance\n")
    assert (photo.labels, photo.maybe) == (("human", "food"), ("menu", "ambiance"))


def test_a_label_under_yes_and_maybe_is_an_error_that_names_the_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="line 2: 'food' is said to hold and stands under maybe"):
        rows(tmp_path, HEAD + "a.jpg,,,food,food;human\n")


def test_where_every_label_was_judged_an_empty_cell_says_that_none_holds(tmp_path: Path) -> None:
    folder(tmp_path, "food")
    file = csv(tmp_path / "all.csv", "path,yes,maybe", "food/0.jpg,,", "food/1.jpg,food,")
    gathered = sources.gather(file)
    assert gathered.refused == ()
    assert [each.photograph.labels for each in gathered.found] == [(), ("food",)]


def test_a_digest_is_of_the_maybes_too_and_without_one_as_before(tmp_path: Path) -> None:
    folder(tmp_path, "food", "menu")
    files = [f"{label}/{number}.jpg" for label in ("food", "menu") for number in range(6)]
    plain = [f"{file},{file.split('/')[0]}," for file in files]
    doubted = [f"{plain[0]}menu", *plain[1:]]
    heads = ("path,label,maybe", "path,label", "path,label,maybe")
    lines = (plain, [line.rstrip(",") for line in plain], doubted)
    digests = [
        dataset.read(csv(tmp_path / f"{number}.csv", head, *rows)).digest
        for number, (head, rows) in enumerate(zip(heads, lines, strict=True))
    ]
    assert digests[0] == digests[1] != digests[2]


def test_a_snapshot_keeps_the_maybes(tmp_path: Path) -> None:
    folder(tmp_path, "food", "menu")
    lines = [f"{label}/{number}.jpg,{label}," for label in ("food", "menu") for number in range(6)]
    lines[0] += "menu"
    place, _ = imported(csv(tmp_path / "all.csv", "path,label,maybe", *lines), tmp_path / "snapshots")
    found = snapshot.photographs(place, snapshot.describe(place))
    assert [photo.maybe for photo in found if photo.maybe] == [("menu",)]


def test_negatives_keep_what_they_may_be(tmp_path: Path) -> None:
    folder(tmp_path, "none")
    file = csv(tmp_path / "none.csv", "path,label,yes,maybe", "none/0.jpg,other,,food", "none/1.jpg,other,,")
    found = sources.gather_negatives(file).found
    assert [(each.photograph.labels, each.photograph.maybe) for each in found] == [((), ("food",)), ((), ())]


def test_a_line_of_an_annotation_with_a_question_mark_is_a_maybe(tmp_path: Path) -> None:
    for name, text in (("a", "menu\n? food\n?human\n"), ("b", "?food\n")):
        put(tmp_path / f"ImageSets/{name}.jpg", b"x")
        put(tmp_path / f"Annotations/{name}.txt", text.encode())
    found = [each.photograph for each in sources.gather(tmp_path).found]
    assert [(photo.labels, photo.maybe) for photo in found] == [
        (("menu",), ("food", "human")),
        ((), ("food",)),
    ]


def test_an_annotation_that_says_both_is_named(tmp_path: Path) -> None:
    put(tmp_path / "ImageSets/a.jpg", b"x")
    put(tmp_path / "Annotations/a.txt", b"food\n?food\n")
    with pytest.raises(ConfigurationError, match=r"a\.txt: 'food' is said to hold and stands under maybe"):
        sources.gather(tmp_path)


def test_shards_of_others_have_maybes_beside_their_labels(tmp_path: Path) -> None:
    shard = tar(
        tmp_path / "a.tar",
        a__jpg=b"x",
        a__json=b'{"labels": ["menu"], "maybe": ["food"]}',
        b__jpg=b"x",
        b__txt=b"food\n?menu\n",
        c__jpg=b"x",
        c__json=b'{"maybe": "food"}',
    )
    found = [each.photograph for each in sources.gather(shard).found]
    assert [(photo.labels, photo.maybe) for photo in found] == [
        (("menu",), ("food",)),
        (("food",), ("menu",)),
        ((), ("food",)),
    ]


def doubted(place: Path) -> Path:
    """Twelve photographs of two labels, two of them in doubt of another, and one of none but perhaps."""
    folder(place, "food", "menu")
    lines = [f"{label}/{number}.jpg,{label}," for label in ("food", "menu") for number in range(6)]
    lines[0] += "menu"
    lines[7] += "food"
    lines[11] = "menu/5.jpg,,menu"
    return csv(place / "all.csv", "path,yes,maybe", *lines)


def test_a_snapshot_with_maybes_counts_them_and_is_of_a_format_that_older_versions_refuse(
    tmp_path: Path,
) -> None:
    made = imported(doubted(tmp_path), tmp_path / "out")
    said = json.loads((made[0] / "snapshot.json").read_bytes())
    assert said["format"] == 2
    assert said["sources"][""]["maybe"] == {"food": 1, "menu": 2}
    assert sum(each.maybe.get("menu", 0) for each in about(made).splits.values()) == 2
    assert said["negatives"] == 0  # what may be something is not none


def test_a_snapshot_with_maybes_is_a_source_of_the_next_one(tmp_path: Path) -> None:
    made = imported(doubted(tmp_path), tmp_path / "out")
    again = imported(made[0], tmp_path / "again")
    assert about(again).digest == about(made).digest
    assert about(again).sources == about(made).sources


def test_a_snapshot_without_maybes_has_the_bytes_that_it_had_before_there_were_such(tmp_path: Path) -> None:
    for label in ("food", "menu"):
        for number in range(2):
            noise = random.Random(f"{label}{number}").randbytes(64 * 64 * 3)
            bitmap = encoded(Image.frombytes("RGB", (64, 64), noise), "BMP")
            put(tmp_path / label / f"{number}.bmp", bitmap)
    rows = [
        f"{label}/{number}.bmp,{label},{side}"
        for label in ("food", "menu")
        for number, side in enumerate(("val", "train"))
    ]
    place, _ = imported(csv(tmp_path / "all.csv", "path,label,split", *rows), tmp_path / "out")
    assert place.name == "photos-5ec99d20f1af"
    document = (place / "snapshot.json").read_bytes().replace(near_duplicates.ELSE.encode(), b"")
    assert sha256(document).hexdigest() == "6d54bfe9849b30b457abc40b019df609c2cdbfc1971e75891d08b689c22ddef6"


def test_a_label_that_is_never_more_than_a_maybe_is_refused(tmp_path: Path) -> None:
    folder(tmp_path, "food", "menu")
    lines = [f"{label}/{number}.jpg,{label}," for label in ("food", "menu") for number in range(6)]
    lines[0] += "mneu"
    file = csv(tmp_path / "all.csv", "path,label,maybe", *lines)
    said = "'mneu' stands only under maybe"
    with pytest.raises(ConfigurationError, match=said):
        dataset.read(file)
    with pytest.raises(ConfigurationError, match=f"{said}.*--leave-out 'mneu'"):
        imported(file, tmp_path / "out")
    assert about(imported(file, tmp_path / "out", SnapshotPlan(leave_out=("mneu",)))).labels == (
        "food",
        "menu",
    )


def test_a_slip_under_maybe_among_the_negatives_is_refused_too(tmp_path: Path) -> None:
    folder(tmp_path, "food", "menu", "none")
    lines = [f"{label}/{number}.jpg,{label}" for label in ("food", "menu") for number in range(6)]
    file = csv(tmp_path / "all.csv", "path,label", *lines)
    none = csv(tmp_path / "none.csv", "path,label,maybe", "none/0.jpg,x,fodo", "none/1.jpg,x,food")
    with pytest.raises(ConfigurationError, match=r"none\.csv: 'fodo' stands only under maybe"):
        dataset.read(file, negatives=none)
