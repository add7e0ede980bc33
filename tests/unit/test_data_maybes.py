"""Three-valued labels are read, kept and digested: yes, maybe, and no for every other."""

from __future__ import annotations

from pathlib import Path

import pytest

from model.data import dataset, snapshot, sources, table
from model.data.photograph import Photograph
from schemas.errors import ConfigurationError
from tests.unit.data_builders import csv, folder, imported

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
