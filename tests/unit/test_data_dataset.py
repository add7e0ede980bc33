from __future__ import annotations

from pathlib import Path

import pytest

from model.data.dataset import Split, read, to_score
from schemas.errors import ConfigurationError


def files(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"not read here")


def csv(folder: Path, *rows: str, head: str = "path,label") -> Path:
    file = folder / "labels.csv"
    file.write_text("\n".join([head, *rows]) + "\n")
    return file


def refusal(source: Path, *, negatives: Path | None = None) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read(source, negatives=negatives)
    return str(caught.value)


def test_folders_are_labels_in_alphabetical_order(tmp_path: Path) -> None:
    files(tmp_path, "menu/a.jpg", "menu/b.PNG", "food/c.webp", "food/sub/d.jpg", "food/notes.txt")
    data = read(tmp_path)
    assert data.labels == ("food", "menu")
    assert len(data.photographs) == 4


def test_without_splits_a_fifth_of_every_label_is_kept_for_choosing_always_the_same(tmp_path: Path) -> None:
    files(tmp_path, *(f"{label}/{i}.jpg" for label in ("food", "menu") for i in range(10)))
    data = read(tmp_path)
    assert [photo.main for photo in data.of(Split.VAL)] == ["food"] * 2 + ["menu"] * 2
    assert data == read(tmp_path)


def test_a_csv_gives_all_tags_the_main_one_first_and_its_splits(tmp_path: Path) -> None:
    files(tmp_path, "a.jpg", "b.jpg", "c.jpg", "d.jpg")
    head = "path,label,labels,split,source"
    rows = (
        "a.jpg,food,menu;food,train,x",
        "b.jpg,food,,val,y",
        "c.jpg,menu,menu,test,x",
        "d.jpg,menu,menu,train,",
    )
    data = read(csv(tmp_path, *rows, head=head))
    assert [photo.labels for photo in data.photographs] == [("food", "menu"), ("food",), ("menu",), ("menu",)]
    assert [photo.split for photo in data.photographs] == ["train", "val", "test", "train"]


def test_negatives_go_where_the_photographs_of_their_source_are(tmp_path: Path) -> None:
    files(tmp_path, *"abcdef")
    head = "path,label,split,source"
    main = csv(tmp_path, "a,food,train,x", "b,food,val,y", "c,menu,train,x", "d,menu,test,z", head=head)
    other = tmp_path / "other.csv"
    other.write_text("path,label,source\ne,other,y\nf,other,nobody\na,other,x\n")
    negatives = [photo for photo in read(main, negatives=other).photographs if not photo.labels]
    assert [photo.split for photo in negatives] == [Split.VAL, Split.TEST, Split.TRAIN]


def test_a_folder_of_negatives_is_divided_too(tmp_path: Path) -> None:
    files(tmp_path, *(f"photos/{label}/{i}.jpg" for label in ("food", "menu") for i in range(4)))
    files(tmp_path, *(f"none/{i}.jpg" for i in range(10)))
    data = read(tmp_path / "photos", negatives=tmp_path / "none")
    assert sum(not photo.labels for photo in data.of(Split.VAL)) == 2
    assert sum(not photo.labels for photo in data.of(Split.TRAIN)) == 8


def test_the_digest_follows_the_tags(tmp_path: Path) -> None:
    files(tmp_path, *"abcd")
    rows = ["a,food", "b,food", "c,menu", "d,menu"]
    first = read(csv(tmp_path, *rows)).digest
    assert first == read(csv(tmp_path, *rows[::-1])).digest
    files(tmp_path, "e")
    assert first != read(csv(tmp_path, *rows, "e,menu")).digest


def test_a_source_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "nowhere" in refusal(tmp_path / "nowhere")


def test_an_empty_folder_says_what_was_expected(tmp_path: Path) -> None:
    assert "<label>" in refusal(tmp_path)


@pytest.mark.parametrize("name", ["ImageSets/a.jpg", "train-000.tar"])
def test_what_only_an_import_reads_is_sent_there(tmp_path: Path, name: str) -> None:
    files(tmp_path, name)
    assert "tagstream data import" in refusal(tmp_path)


def test_a_label_without_photographs_is_named(tmp_path: Path) -> None:
    files(tmp_path, "food/a.jpg", "food/b.jpg", "menu/notes.txt")
    assert "'menu'" in refusal(tmp_path)


def test_a_label_with_one_photograph_is_named(tmp_path: Path) -> None:
    files(tmp_path, "food/a.jpg", "food/b.jpg", "menu/c.jpg")
    assert "1 photograph of 'menu'" in refusal(tmp_path)


def test_one_label_alone_cannot_be_learned(tmp_path: Path) -> None:
    files(tmp_path, "food/a.jpg", "food/b.jpg")
    assert "at least two" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("gone.jpg,food,train", "line 2: there is no such file (gone.jpg)"),
        ("a.jpg,,train", "line 2: no label"),
        ("a.jpg,food,holdout", "'holdout'"),
    ],
)
def test_a_bad_row_is_named_by_its_line(tmp_path: Path, row: str, says: str) -> None:
    files(tmp_path, "a.jpg")
    assert says in refusal(csv(tmp_path, row, head="path,label,split"))


def test_a_csv_without_a_needed_column_is_refused(tmp_path: Path) -> None:
    assert "no column label" in refusal(csv(tmp_path, "a.jpg", head="path"))


def test_negatives_that_are_not_there_are_refused(tmp_path: Path) -> None:
    files(tmp_path, "food/a.jpg", "food/b.jpg", "menu/c.jpg", "menu/d.jpg")
    assert "no negatives" in refusal(tmp_path, negatives=tmp_path / "none")


def test_photographs_to_score_need_no_labels(tmp_path: Path) -> None:
    files(tmp_path, "plain/a.jpg", "plain/b.png", "labelled/menu/c.jpg")
    assert [photo.path.name for photo in to_score(tmp_path / "plain")] == ["a.jpg", "b.png"]
    assert [photo.labels for photo in to_score(tmp_path / "labelled")] == [("menu",)]


def test_a_folder_without_photographs_to_score_is_refused(tmp_path: Path) -> None:
    files(tmp_path, "notes.txt")
    with pytest.raises(ConfigurationError, match="no photographs"):
        to_score(tmp_path)
