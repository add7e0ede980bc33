"""Data folders: rows of labels go, snapshots and pictures are named, and all else stays as it was."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from operations import erasure_data
from operations.erasure_data import Traces
from operations.erasure_receipt import DataLine
from schemas.errors import ConfigurationError
from tests.unit.data_builders import folder, imported, picture, put

GONE = "s3://photos/r1/gone.jpg"
TRACES = Traces(frozenset({GONE, "img_gone"}), frozenset({sha256(picture("gone")).hexdigest()}))


def table(file: Path, text: str) -> Path:
    return put(file, text.encode())


def found(folder: Path, *, is_dry: bool = False) -> dict[str, DataLine]:
    lines = erasure_data.search([folder], TRACES, is_dry=is_dry)
    return {Path(each.place).name: each for each in lines}


LABELS = f'path,labels,reviewed\n{GONE},menu,yes\ns3://photos/r1/kept.jpg,"food;menu",\n'


def test_rows_that_name_an_image_by_its_address_are_taken_out_of_labels(tmp_path: Path) -> None:
    file = table(tmp_path / "labels.csv", LABELS)
    assert found(tmp_path)["labels.csv"].removed == 1
    assert file.read_text() == "path,labels,reviewed\ns3://photos/r1/kept.jpg,food;menu,\n"
    assert found(tmp_path) == {}


def test_rows_of_files_that_hold_its_bytes_are_taken_out_and_the_pictures_named(tmp_path: Path) -> None:
    put(tmp_path / "pictures" / "gone.jpg", picture("gone"))
    put(tmp_path / "pictures" / "kept.jpg", picture("kept"))
    file = table(tmp_path / "review.csv", "path,labels\npictures/gone.jpg,menu\npictures/kept.jpg,food\n")
    lines = found(tmp_path)
    assert lines["gone.jpg"].to_do == "delete the file"
    assert lines["review.csv"].removed == 1
    assert "gone" not in file.read_text()
    assert (tmp_path / "pictures" / "gone.jpg").exists()


def test_a_dry_run_changes_no_file(tmp_path: Path) -> None:
    file = table(tmp_path / "labels.csv", LABELS)
    assert (found(tmp_path, is_dry=True)["labels.csv"].images, file.read_text()) == (1, LABELS)


def test_a_table_of_something_else_is_left_alone(tmp_path: Path) -> None:
    text = f"name,address\nx,{GONE}\n"
    file = table(tmp_path / "other.csv", text)
    assert (found(tmp_path), file.read_text()) == ({}, text)


def test_a_picture_is_named_in_no_receipt(tmp_path: Path) -> None:
    put(tmp_path / "pictures" / "ann.jpg", picture("gone"))
    put(tmp_path / "pictures" / "ann-2.jpg", picture("gone"))
    (line,) = erasure_data.unnamed(erasure_data.search([tmp_path], TRACES, is_dry=True))
    assert (Path(line.place), line.images) == (tmp_path / "pictures", 2)


def test_a_snapshot_that_holds_the_bytes_is_named_and_not_altered(tmp_path: Path) -> None:
    photos = folder(tmp_path / "photos", "food", "menu")
    put(photos / "food" / "gone.jpg", picture("gone"))
    made, _ = imported(photos, tmp_path / "snapshots")
    before = {file.name: file.read_bytes() for file in made.iterdir()}
    line = found(tmp_path / "snapshots")[made.name]
    assert (line.what, line.images, line.removed) == ("snapshot", 1, 0)
    assert "import the rest anew" in line.to_do
    assert {file.name: file.read_bytes() for file in made.iterdir()} == before


def test_a_snapshot_without_the_image_is_not_named(tmp_path: Path) -> None:
    imported(folder(tmp_path / "photos", "food", "menu"), tmp_path / "snapshots")
    assert found(tmp_path / "snapshots") == {}


def test_a_snapshot_that_cannot_be_read_is_named_and_holds_nothing_up(tmp_path: Path) -> None:
    table(tmp_path / "one-1" / "snapshot.json", "{}")
    assert found(tmp_path)["one-1"].what == "snapshot that cannot be read"


def test_a_page_that_names_an_image_is_named(tmp_path: Path) -> None:
    table(tmp_path / "review.html", f"<td>{GONE}</td>")
    table(tmp_path / "other.html", "<td>s3://photos/r1/kept.jpg</td>")
    assert list(found(tmp_path)) == ["review.html"]


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such folder"):
        found(tmp_path / "nowhere")
