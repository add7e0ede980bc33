"""What a training from a folder is told, which an import would have left out."""

from __future__ import annotations

from pathlib import Path

from model.data import dataset, early_checks
from tests.unit.data_builders import csv, folder, imported, picture, put


def remarks(source: Path, *, negatives: Path | None = None) -> list[str]:
    return list(early_checks.remarks(dataset.read(source, negatives=negatives)))


def test_of_photographs_that_are_all_right_nothing_is_said(tmp_path: Path) -> None:
    assert remarks(folder(tmp_path, "food", "menu")) == []


def test_what_an_import_would_leave_out_is_told(tmp_path: Path) -> None:
    photos = folder(tmp_path, "food", "menu")
    put(photos / "food/broken.jpg", b"no picture")
    put(photos / "food/icon.jpg", picture("icon", (48, 200)))
    put(photos / "loose.jpg", picture("loose"))
    assert remarks(photos) == [
        "1 photograph is left out: loose.jpg: it lies beside the folders of the labels, in none of them",
        "1 photograph cannot be read: food/broken.jpg",
        "1 photograph has fewer than 64 pixels on the shorter side: food/icon.jpg",
        early_checks.MEND,
    ]


def test_copies_are_told_with_their_labels_and_sides(tmp_path: Path) -> None:
    photos = folder(tmp_path, "food", "menu")
    put(photos / "menu/copy.jpg", picture(("food", 0)))
    rows = [f"{label}/{number}.jpg,{label},,train" for label in ("food", "menu") for number in range(6)]
    again = csv(photos / "all.csv", "path,label,maybe,split", *rows, "menu/copy.jpg,menu,,val")
    same = "food/0.jpg (food, train) = menu/copy.jpg (menu, val)"
    assert remarks(again) == [
        f"1 photograph is there twice: {same}",
        f"1 photograph stands under different labels, of which one must be wrong: {same}",
        f"1 photograph stands on several sides of the split, so figures flatter: {same}",
        early_checks.MEND,
    ]
    rows[0] = "food/0.jpg,food,menu,train"
    doubtful = csv(photos / "all.csv", "path,label,maybe,split", *rows, "menu/copy.jpg,menu,food,val")
    assert not any("different labels" in line for line in remarks(doubtful))


def test_many_are_counted_and_some_of_them_named(tmp_path: Path) -> None:
    photos = folder(tmp_path, "food", "menu")
    for number in range(5):
        put(photos / f"food/broken{number}.jpg", b"%d" % number)
    said = "5 photographs cannot be read: food/broken0.jpg, food/broken1.jpg, food/broken2.jpg, ..."
    assert remarks(photos)[0] == said


def test_a_snapshot_was_checked_when_it_was_made(tmp_path: Path) -> None:
    photos = folder(tmp_path / "photos", "food", "menu")
    put(photos / "menu/copy.jpg", picture(("menu", 0)))
    assert remarks(imported(photos, tmp_path / "out")[0]) == []
