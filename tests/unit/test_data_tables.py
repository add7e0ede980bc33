"""Tables and JSON of other programs: their columns, their choices and their categories."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from model.data import dataset, sources
from model.data.reading import Reading
from tests.unit.data_builders import blank, causes, csv, judged, put, refusal, tar


def written(file: Path, document: Any) -> Path:
    return put(file, json.dumps(document).encode())


@pytest.mark.parametrize(
    "head", ["filename,class", "file_name;category", "Image\tLABEL", " file , class_name "]
)
def test_a_table_of_other_names_and_signs_is_read(tmp_path: Path, head: str) -> None:
    sign = next(sign for sign in ",;\t" if sign in head)
    file = csv(blank(tmp_path, "a.jpg", "b.jpg") / "l.csv", head, f"a.jpg{sign}food", f"b.jpg{sign}menu")
    assert judged(sources.gather(file)) == [("a.jpg", ("food",), (), ""), ("b.jpg", ("menu",), (), "")]
    assert judged(sources.gather(file)) == judged(sources.gather(file.rename(tmp_path / "l.tsv")))


def test_where_semicolons_part_the_columns_commas_part_the_labels(tmp_path: Path) -> None:
    head = "path;yes;maybe;split"
    file = csv(blank(tmp_path, "a.jpg") / "l.csv", head, "a.jpg;food,human;menu,ambiance;validation")
    assert judged(sources.gather(file)) == [("a.jpg", ("food", "human"), ("menu", "ambiance"), "val")]


def test_our_own_name_of_a_column_holds_before_another_s(tmp_path: Path) -> None:
    file = csv(blank(tmp_path, "a.jpg") / "l.csv", "image,path,class,label", "x.jpg,a.jpg,7,food")
    assert judged(sources.gather(file)) == [("a.jpg", ("food",), (), "")]


def test_another_s_column_of_splits_is_one_where_it_holds_nothing_else(tmp_path: Path) -> None:
    head = "path,label,set"
    file = csv(blank(tmp_path, "a.jpg", "b.jpg") / "l.csv", head, "a.jpg,food,Valid", "b.jpg,menu,")
    assert [split for *_, split in judged(sources.gather(file))] == ["val", ""]
    csv(file, head, "a.jpg,food,Valid", "b.jpg,menu,holidays")
    assert [split for *_, split in judged(sources.gather(file))] == ["", ""]


def test_a_column_a_class_has_ones_for_yes_and_nothing_or_a_question_mark_for_maybe(tmp_path: Path) -> None:
    file = csv(
        blank(tmp_path, *"abcd") / "l.csv",
        "filename, food, menu,human,width",
        "a,1,0,?,640",
        "b,0,1.0,,480",
        "c,0,0,0,480",
        "d,True,?,1,320",
    )
    assert judged(sources.gather(file)) == [
        ("a", ("food",), ("human",), ""),
        ("b", ("menu",), ("human",), ""),
        ("c", (), (), ""),
        ("d", ("food", "human"), ("menu",), ""),
    ]


def test_a_column_of_maybes_stands_beside_those_of_classes(tmp_path: Path) -> None:
    rows = ("a.jpg,1,0,?,menu", "b.jpg,0,0,1,")
    file = csv(blank(tmp_path, "a.jpg", "b.jpg") / "l.csv", "path,food,menu,human,Maybe", *rows)
    assert judged(sources.gather(file)) == [
        ("a.jpg", ("food",), ("menu", "human"), ""),
        ("b.jpg", ("human",), (), ""),
    ]


def test_a_slip_in_the_column_of_a_class_is_named_by_its_line(tmp_path: Path) -> None:
    rows = [f"{number}.jpg,{number % 2}" for number in range(20)]
    blank(tmp_path, *(f"{number}.jpg" for number in range(20)))
    said = refusal(csv(tmp_path / "l.csv", "path,food", *rows[:7], "7.jpg,yse", *rows[8:]))
    assert "line 9: 'yse' in the column 'food'" in said


@pytest.mark.parametrize(
    ("head", "row", "says"),
    [
        (
            "photo,label",
            "a.jpg,food",
            "no column path; found 'photo', 'label'; expected path (or filename or",
        ),
        ("path,kind", "a.jpg,food", "no column label; found 'path', 'kind'; expected path"),
        ("a.jpg food", "b.jpg menu", "found 'a.jpg food'"),
    ],
)
def test_a_table_that_cannot_be_read_lists_the_columns_found_and_expected(
    tmp_path: Path, head: str, row: str, says: str
) -> None:
    assert says in refusal(csv(blank(tmp_path, "a.jpg") / "l.csv", head, row))


def test_what_is_no_table_is_refused_for_what_it_is(tmp_path: Path) -> None:
    assert "not a file that is read: expected a CSV" in refusal(blank(tmp_path, "a.jpg") / "a.jpg")
    assert sources.addresses(tar(tmp_path / "a.tar", a__jpg=b"x")) == []


def test_hugging_face_s_metadata_say_what_the_pictures_beside_them_show(tmp_path: Path) -> None:
    lines = (
        {"file_name": "a.jpg", "label": "food"},
        {"file_name": "b.jpg", "labels": ["menu", "human"], "maybe": ["food"]},
        {"file_name": "c.jpg", "labels": []},
        {"file_name": "d.jpg", "label": None},
    )
    blank(tmp_path, *(f"train/{name}.jpg" for name in "abcd"), "test/e.jpg")
    put(tmp_path / "train/metadata.jsonl", "\n".join(map(json.dumps, lines)).encode())
    csv(tmp_path / "test/metadata.csv", "file_name,label", "e.jpg,food")
    gathered = sources.gather(tmp_path)
    assert judged(gathered) == [
        ("test/e.jpg", ("food",), (), "test"),
        ("train/a.jpg", ("food",), (), "train"),
        ("train/b.jpg", ("menu", "human"), ("food",), "train"),
        ("train/c.jpg", (), (), "train"),
    ]
    assert causes(gathered.refused) == [("train/d.jpg", "unlabelled")]


def test_metadata_that_say_nothing_of_labels_leave_them_to_the_folders(tmp_path: Path) -> None:
    blank(tmp_path, "food/a.jpg", "menu/b.jpg")
    csv(tmp_path / "metadata.csv", "file_name,caption", "food/a.jpg,soup")
    assert [labels for _, labels, _, _ in judged(sources.gather(tmp_path))] == [("food",), ("menu",)]


def choices(*chosen: str, cancelled: bool = False) -> dict[str, Any]:
    result = [{"type": "choices", "from_name": "tags", "value": {"choices": list(chosen)}}] if chosen else []
    return {"result": result, "was_cancelled": cancelled}


def test_label_studio_s_choices_are_labels_and_what_its_people_differ_on_is_a_maybe(tmp_path: Path) -> None:
    blank(tmp_path, "a.jpg", "images/0a1b2c3d-b.jpg", "sub/c d.jpg", "e.jpg")
    tasks = [
        {"id": 1, "data": {"image": "a.jpg"}, "annotations": [choices("menu", "food"), choices("food")]},
        {"id": 2, "data": {"image": "/data/upload/1/0a1b2c3d-b.jpg"}, "annotations": [choices("human")]},
        {
            "id": 3,
            "data": {"image": "/data/local-files/?d=sub/c%20d.jpg"},
            "annotations": [choices(), choices("food", cancelled=True)],
        },
        {"id": 4, "data": {"image": "e.jpg"}, "annotations": []},
        {"id": 5, "data": {"image": "s3://photos/f.jpg"}, "annotations": [choices("food")]},
    ]
    file = written(tmp_path / "project.json", tasks)
    assert sources.addresses(file) == ["s3://photos/f.jpg"]
    fetched = {"s3://photos/f.jpg": put(tmp_path / "fetched.jpg", b"x")}
    gathered = sources.gather(file, Reading(fetched=fetched))
    assert judged(gathered) == [
        ("a.jpg", ("food",), ("menu",), ""),
        ("images/0a1b2c3d-b.jpg", ("human",), (), ""),
        ("sub/c d.jpg", (), (), ""),
        ("s3://photos/f.jpg", ("food",), (), ""),
    ]
    assert causes(gathered.refused) == [("e.jpg", "unlabelled")]


def test_label_studio_s_short_form_is_read_too(tmp_path: Path) -> None:
    tasks = [
        {"id": 1, "image": "a.jpg", "choice": "food", "annotator": 1},
        {"id": 2, "image": "b.jpg", "tags": {"choices": ["menu", "food"]}, "lead_time": 3.5},
    ]
    gathered = sources.gather(written(blank(tmp_path, "a.jpg", "b.jpg") / "min.json", tasks))
    assert judged(gathered) == [("a.jpg", ("food",), (), ""), ("b.jpg", ("menu", "food"), (), "")]


def coco(*names: str) -> dict[str, Any]:
    """Three pictures: one of two categories, the second one larger; one of one; one of none."""
    return {
        "images": [{"id": number, "file_name": name} for number, name in enumerate(names)],
        "annotations": [
            {"image_id": 0, "category_id": 7, "area": 10.0},
            {"image_id": 0, "category_id": 9, "area": 25},
            {"image_id": 0, "category_id": 7, "area": 11.0},
            {"image_id": 1, "category_id": 7},
        ],
        "categories": [{"id": 7, "name": "human"}, {"id": 9, "name": "food"}, {"id": 1, "name": "menu"}],
    }


@pytest.mark.parametrize("where", ["", "images/", "../train2017/", "../images/train2017/"])
def test_coco_s_categories_are_labels_wherever_its_pictures_were_unpacked(tmp_path: Path, where: str) -> None:
    file = written(tmp_path / "annotations/instances_train2017.json", coco("a.jpg", "b.jpg", "c.jpg"))
    blank(tmp_path / "annotations", *(f"{where}{name}.jpg" for name in "abc"))
    assert judged(sources.gather(file)) == [
        (f"{where}a.jpg", ("food", "human"), (), "train"),
        (f"{where}b.jpg", ("human",), (), "train"),
        (f"{where}c.jpg", (), (), "train"),
    ]


def test_coco_as_it_is_unpacked_is_read_by_its_folder(tmp_path: Path) -> None:
    for side in ("train2017", "val2017"):
        blank(tmp_path, *(f"{side}/{name}.jpg" for name in "abc"))
        written(tmp_path / f"annotations/instances_{side}.json", coco("a.jpg", "b.jpg", "c.jpg"))
        written(tmp_path / f"annotations/captions_{side}.json", {"images": []})
    found = judged(sources.gather(tmp_path))
    assert [(place, split) for place, _, _, split in found] == [
        (f"{side}2017/{name}.jpg", side) for side in ("train", "val") for name in "abc"
    ]


def test_boxes_of_yolo_are_refused_and_not_taken_for_labels(tmp_path: Path) -> None:
    blank(tmp_path, "train/images/a.jpg", "train/labels/a.txt", "valid/images/a.jpg", "data.yaml")
    assert "boxes of YOLO are not read; export them as COCO" in refusal(tmp_path)


def test_a_folder_of_coco_a_split_is_read_as_roboflow_writes_it(tmp_path: Path) -> None:
    for side in ("train", "valid"):
        blank(tmp_path, *(f"{side}/{name}.jpg" for name in "abc"))
        written(tmp_path / side / "_annotations.coco.json", coco("a.jpg", "b.jpg", "c.jpg"))
    found = judged(sources.gather(tmp_path))
    assert [split for *_, split in found] == ["train"] * 3 + ["val"] * 3
    assert found[3][:2] == ("valid/a.jpg", ("food", "human"))


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"shapes": [], "version": "5"}, "found 'shapes', 'version'; expected COCO's images, annotations"),
        ({"images": [{}], "annotations": [], "categories": []}, "not COCO as it is known, at 'id'"),
        ([{"data": {"text": "x"}}], "task 1: no address under `image` or `data.image`"),
        ([], "expected COCO's"),
        ([1], "task 1: not a JSON object"),
        (
            [{"image": "x", "data": {"image": "x"}, "annotations": [5]}],
            "task 1: not as Label Studio exports it",
        ),
        ([{"data": {"image": "x"}, "annotations": {"result": 3}}], "task 1: not as Label Studio exports it"),
        ({**coco("a"), "images": 5}, "not COCO as it is known"),
        ({**coco("a"), "annotations": ["x"]}, "not COCO as it is known"),
        ({**coco("a"), "annotations": [{"image_id": 0, "category_id": 8}]}, "not COCO as it is known, at 8"),
    ],
)
def test_json_of_another_kind_is_refused_for_what_it_holds(tmp_path: Path, document: Any, says: str) -> None:
    assert says in refusal(written(tmp_path / "a.json", document))


def test_json_that_is_none_is_refused(tmp_path: Path) -> None:
    assert "not JSON" in refusal(put(tmp_path / "a.json", b"{"))
    assert "not JSON" in refusal(put(tmp_path / "deep.json", b"[" * 100_000))
    assert "line 2: not JSON" in refusal(put(tmp_path / "a.jsonl", b'{"file_name": "a"}\n{'))
    assert "line 1: not a JSON object" in refusal(put(tmp_path / "b.jsonl", b"[]"))


def test_training_takes_these_files_too(tmp_path: Path) -> None:
    blank(tmp_path, *"abcd")
    rows = ("a,1,0", "b,1,0", "c,0,1", "d,0,1")
    data = dataset.read(csv(tmp_path / "l.csv", "filename,food,menu", *rows))
    assert data.labels == ("food", "menu")
