"""Every kind of source, and what is said of those that are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from model.data import sources
from model.data.entries import Entries
from model.data.reading import Reading
from schemas.errors import ConfigurationError
from tests.unit.data_builders import causes, csv, put, refusal, tar


def told(gathered: Entries) -> list[tuple[str, tuple[str, ...]]]:
    return [(each.place, each.photograph.labels) for each in gathered.found]


def test_a_folder_is_a_label_with_all_below_it(tmp_path: Path) -> None:
    for name in (
        "food/a.jpg",
        "food/more/b.PNG",
        "food/._a.jpg",
        "food/notes.txt",
        "menu/c.tiff",
        ".git/x.jpg",
    ):
        put(tmp_path / name, b"x")
    assert told(sources.gather(tmp_path)) == [
        ("food/a.jpg", ("food",)),
        ("food/more/b.PNG", ("food",)),
        ("menu/c.tiff", ("menu",)),
    ]


def test_a_picture_beside_the_folders_of_the_labels_is_told(tmp_path: Path) -> None:
    put(tmp_path / "food/a.jpg", b"x")
    put(tmp_path / "loose.jpg", b"x")
    assert causes(sources.gather(tmp_path).refused) == [("loose.jpg", "unlabelled")]


def test_a_label_without_photographs_is_refused_unless_it_is_left_out(tmp_path: Path) -> None:
    put(tmp_path / "food/a.jpg", b"x")
    (tmp_path / "menu").mkdir()
    assert "--leave-out 'menu'" in refusal(tmp_path)
    assert told(sources.gather(tmp_path, Reading(("menu",)))) == [("food/a.jpg", ("food",))]


def test_a_folder_of_nothing_says_what_was_expected(tmp_path: Path) -> None:
    assert "<label>/*.jpg" in refusal(tmp_path)
    assert "no such folder" in refusal(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["uncertain", "a;b", "x" * 65])
def test_a_folder_that_can_be_no_label_is_named(tmp_path: Path, name: str) -> None:
    put(tmp_path / name / "a.jpg", b"x")
    assert "rename it" in refusal(tmp_path)


def test_annotations_have_a_label_a_line(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg", "sub/d.png"):
        put(tmp_path / "ImageSets" / name, b"x")
    for name, text in {
        "a.txt": "menu\nfood\n\nmenu\n",
        "c.txt": "\n",
        "e.txt": "food",
        "sub/d.txt": "food",
    }.items():
        put(tmp_path / "Annotations" / name, text.encode())
    gathered = sources.gather(tmp_path)
    assert told(gathered) == [("ImageSets/a.jpg", ("menu", "food")), ("ImageSets/sub/d.png", ("food",))]
    assert causes(gathered.refused) == [
        ("ImageSets/b.jpg", "unlabelled"),
        ("ImageSets/c.jpg", "unlabelled"),
        ("Annotations/e.txt", "missing"),
    ]


def test_a_label_with_a_slash_is_named_by_its_line(tmp_path: Path) -> None:
    put(tmp_path / "a.jpg", b"x")
    said = refusal(csv(tmp_path / "labels.csv", "path,label", "a.jpg,men/shoes"))
    assert "line 2" in said
    assert "a slash" in said


def test_a_csv_brings_labels_split_and_source(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        put(tmp_path / name, b"x")
    head = "path,label,labels,split,source"
    rows = ("a.jpg,menu,food;menu,val,x", "b.jpg,,food,,", "c.jpg,,,,", "gone.jpg,food,,,")
    gathered = sources.gather(csv(tmp_path / "labels.csv", head, *rows))
    assert told(gathered) == [("a.jpg", ("menu", "food")), ("b.jpg", ("food",))]
    assert (gathered.found[0].photograph.split, gathered.found[0].photograph.source) == ("val", "x")
    assert causes(gathered.refused) == [("c.jpg", "unlabelled"), ("gone.jpg", "missing")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            b"picture,label\na.jpg,food\n",
            "no column path; found 'picture', 'label'; expected path (or filename",
        ),
        (b"path,label,split\na.jpg,food,holdout\n", "line 2: split 'holdout'"),
        (b"path,label\n,food\n", "line 2: the path is empty"),
        (b"path,label\n\xff\xfe,food\n", "not a CSV in UTF-8"),
    ],
)
def test_a_bad_csv_is_refused(tmp_path: Path, text: bytes, says: str) -> None:
    put(tmp_path / "a.jpg", b"x")
    assert says in refusal(put(tmp_path / "labels.csv", text))


def test_a_csv_as_excel_writes_it_is_read(tmp_path: Path) -> None:
    put(tmp_path / "a.jpg", b"x")
    file = put(tmp_path / "labels.csv", b"\xef\xbb\xbfpath,label\r\na.jpg,food\r\n")
    assert told(sources.gather(file)) == [("a.jpg", ("food",))]


def test_addresses_are_files_once_they_were_fetched(tmp_path: Path) -> None:
    file = csv(tmp_path / "labels.csv", "path,label", "a.jpg,food", "s3://other/b.jpg,menu", "c.jpg,menu")
    assert sources.addresses(file) == ["s3://other/b.jpg"]
    base = "s3://photos/2026/"
    addresses = ["s3://photos/2026/a.jpg", "s3://other/b.jpg", "s3://photos/2026/c.jpg"]
    assert sources.addresses(file, base=base) == addresses
    fetched = {address: put(tmp_path / f"{place}", b"x") for place, address in enumerate(addresses[:2])}
    why = {addresses[2]: "it does not exist"}
    gathered = sources.gather(file, Reading(base=base, fetched=fetched, unfetched=why))
    assert gathered.refused[0].why == "it does not exist"
    assert [each.photograph.path for each in gathered.found] == list(fetched.values())
    assert causes(gathered.refused) == [("c.jpg", "missing")]


HEAD = "path,labels,reviewed,suggested,uncertainty,p_food"


def test_of_a_review_batch_only_a_person_s_word_counts(tmp_path: Path) -> None:
    rows = {
        "confirmed": "food,yes,food",
        "corrected": "menu,,food",
        "emptied": ",,food",
        "none": ",Yes,",
        "untouched": "food,,food",
        "nothing": ",,",
    }
    for name in rows:
        put(tmp_path / f"{name}.jpg", b"x")
    lines = [f"{name}.jpg,{cells},0.5,0.5" for name, cells in rows.items()]
    csv(tmp_path / "batch/../review.csv", HEAD, *lines)
    gathered = sources.gather(tmp_path)  # the batch's folder
    words = [
        ("confirmed.jpg", ("food",)),
        ("corrected.jpg", ("menu",)),
        ("emptied.jpg", ()),
        ("none.jpg", ()),
    ]
    assert told(gathered) == words
    assert all(each.by_person for each in gathered.found)
    assert causes(gathered.refused) == [("untouched.jpg", "unreviewed"), ("nothing.jpg", "unreviewed")]

    accepted = sources.gather(tmp_path / "review.csv", Reading(accept_unreviewed=True))
    assert told(accepted) == [*words, ("untouched.jpg", ("food",))]
    assert not accepted.found[-1].by_person
    assert causes(accepted.refused) == [("nothing.jpg", "unlabelled")]


def test_shards_of_others_say_their_labels_in_several_ways(tmp_path: Path) -> None:
    tar(
        tmp_path / "train-000.tar",
        a__jpg=b"x",
        a__cls=b"1",
        b__png=b"x",
        b__json=b'{"labels": ["menu", "food"], "source": "s"}',
        c__jpg=b"x",
        c__txt=b"food\nmenu\n",
        d__jpg=b"x",
        e__txt=b"food",
        f__jpg=b"x",
        f__json=b'{"labels": []}',
        g__jpg=b"x",
        g__json=b'{"label": "human"}',
    )
    put(tmp_path / "classes.txt", b"food\nmenu\n")
    gathered = sources.gather(tmp_path)
    assert told(gathered) == [
        ("train-000.tar:a", ("menu",)),
        ("train-000.tar:b", ("menu", "food")),
        ("train-000.tar:c", ("food", "menu")),
        ("train-000.tar:f", ()),
        ("train-000.tar:g", ("human",)),
    ]
    assert {each.photograph.split.value for each in gathered.found} == {"train"}
    assert gathered.found[1].photograph.source == "s"
    assert gathered.found[0].photograph.path.read_bytes() == b"x"
    assert causes(gathered.refused) == [("train-000.tar:d", "unlabelled"), ("train-000.tar:e", "missing")]


def test_a_class_beyond_the_classes_is_refused(tmp_path: Path) -> None:
    shard = tar(tmp_path / "a.tar", a__jpg=b"x", a__cls=b"7")
    put(tmp_path / "classes.txt", b"food\nmenu")
    assert "class 7" in refusal(shard)


@pytest.mark.parametrize("damage", [b"not a tar at all, " * 100, b"\x1f\x8b" + b"x" * 600])
def test_a_shard_that_is_none_is_named(tmp_path: Path, damage: bytes) -> None:
    said = refusal(put(tmp_path / "a.tar", damage))
    assert "a.tar" in said
    assert "copy it again" in said


def test_a_shard_that_was_cut_short_is_named(tmp_path: Path) -> None:
    shard = tar(tmp_path / "a.tar", a__jpg=b"x" * 5000, a__cls=b"food", b__jpg=b"x" * 5000, b__cls=b"food")
    shard.write_bytes(shard.read_bytes()[:8000])
    assert "copy it again" in refusal(shard)


def test_negatives_are_of_none_of_the_labels_wherever_they_come_from(tmp_path: Path) -> None:
    put(tmp_path / "none/sub/a.jpg", b"x")
    put(tmp_path / "none/b.jpg", b"x")
    shard = tar(tmp_path / "c.tar", a__jpg=b"x", a__cls=b"dog")
    table = csv(tmp_path / "none.csv", "path,label,source", "none/b.jpg,other,y", "gone.jpg,other,y")
    for source, count in ((tmp_path / "none", 2), (shard, 1), (table, 1)):
        found = sources.gather_negatives(source).found
        assert [each.photograph.labels for each in found] == [()] * count


def test_what_is_to_be_labelled_needs_no_label(tmp_path: Path) -> None:
    put(tmp_path / "a.jpg", b"x")
    assert told(sources.unlabelled(tmp_path)) == [("a.jpg", ())]
    with pytest.raises(ConfigurationError, match="name a folder or a CSV"):
        sources.unlabelled(tar(tmp_path / "a.tar", a__jpg=b"x"))
    with pytest.raises(ConfigurationError, match="no photographs"):
        sources.unlabelled(csv(tmp_path / "empty.csv", "path"))
