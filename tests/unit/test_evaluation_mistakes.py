"""Mistakes: which they are, in which order, on the page, and in a folder that `data import` takes back."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from agents.wiring.settings import Settings
from model.data import snapshot
from model.data.photograph import Photograph, Split
from model.data.plan import SnapshotPlan
from model.evaluation import mistake_export, wrong_tags
from model.evaluation.evaluation_run import EvaluationResult
from model.evaluation.figures import report
from model.evaluation.pages import evaluation_page
from model.evaluation.predictions import Predictions
from model.manifest import Manifest
from model.tiny_version import write_tiny_version
from operations import import_data
from operations.import_data import ImportRequest
from schemas.errors import ConfigurationError
from tagstream.commands.model import app
from tests.unit.data_builders import picture, put
from tests.unit.prediction_builders import LABELS, judged

ROWS = [
    [0.1, 0.9, 0.1],  # right
    [0.1, 0.9, 0.45],  # human missed, by little
    [0.1, 0.9, 0.1],  # human missed, by far
    [0.6, 0.9, 0.1],  # ambiance too many
    [0.9, 0.9, 0.9],  # nothing wrong: ambiance and human may be either
    [0.1, 0.95, 0.7],  # of none, twice tagged
    [0.8, 0.9, 0.1],  # ambiance too many, by more, of something that may be food
]
TAGS: list[tuple[str, ...]] = [
    ("food",),
    ("food", "human"),
    ("human", "food"),
    ("food",),
    ("food",),
    (),
    (),
]
MAYBE: list[tuple[str, ...]] = [(), (), (), (), ("ambiance", "human"), (), ("food",)]
SEEN = judged(ROWS, TAGS, maybe=MAYBE, sources=[f"site {i}" for i in range(7)])
MANIFEST = Manifest(
    name="shop",
    version="v1",
    labels=LABELS,
    architecture="tiny",
    thresholds=dict.fromkeys(LABELS, 0.5),
)


def test_mistakes_are_listed_by_label_farthest_beyond_the_threshold_first() -> None:
    found = wrong_tags.by_label(SEEN)
    assert found["human"].missed == (2, 1)
    assert found["ambiance"].too_many == (6, 3)
    assert found["food"] == wrong_tags.WrongTags((), ())
    assert wrong_tags.of_none(SEEN) == (5,)
    assert wrong_tags.of_any(SEEN) == (5, 2, 6, 3, 1)


def test_mistakes_are_said_in_words_and_a_maybe_is_none() -> None:
    assert [wrong_tags.said(place, SEEN) for place in range(7)] == [
        (),
        ("human missed",),
        ("human missed",),
        ("ambiance too many",),
        (),
        ("food too many", "human too many"),
        ("ambiance too many",),
    ]


def test_a_tag_that_a_refusal_took_away_is_missed() -> None:
    refused = replace(SEEN, refusal=0.92)
    assert wrong_tags.by_label(refused)["food"].missed == (0, 1, 2, 3, 4)
    assert wrong_tags.of_none(refused) == (5,)


def on_disk(folder: Path, seen: Predictions = SEEN) -> Predictions:
    """The same, of pictures that are there."""
    photographs = tuple(
        replace(photo, path=put(folder / f"<{i}>.jpg", picture(i)), split=Split.VAL)
        for i, photo in enumerate(seen.photographs)
    )
    return replace(seen, photographs=photographs)


def test_the_page_shows_each_list_with_yes_and_maybe_beside(tmp_path: Path) -> None:
    seen = on_disk(tmp_path)
    page = evaluation_page.render(EvaluationResult(MANIFEST, "val", seen, report(seen, resamples=20)))
    lists = re.findall(r'<h3 class="list">([^<]+)', page)
    assert lists == [
        "ambiance missed: 0",
        "ambiance too many: 2",
        "food missed: 0",
        "food too many: 0",
        "human missed: 2",
        "human too many: 0",
        "none of the labels: 1",
    ]
    cards = re.findall(r'<article class="card">.*?</article>', page, flags=re.DOTALL)
    assert [re.findall(r"&lt;(\d)&gt;", card)[0] for card in cards][:5] == ["6", "3", "2", "1", "5"]
    assert all("data:image/jpeg;base64," in card for card in cards)
    assert "yes: none for sure<br>maybe: food<br>site 6" in cards[0]
    assert "? food" in cards[0]
    assert "yes: food<br>site 3" in cards[1]
    assert "yes: none of the labels<br>site 5" in cards[4]


def test_a_page_of_many_labels_shows_fewer_of_each() -> None:
    labels = tuple(f"label {i:02}" for i in range(40))
    seen = judged([[0.9] * 40] * 8, [("label 00",)] * 8, labels=labels)
    manifest = MANIFEST.model_copy(update={"labels": labels, "thresholds": dict.fromkeys(labels, 0.5)})
    page = evaluation_page.render(EvaluationResult(manifest, "val", seen, report(seen, resamples=5)))
    assert page.count("label 07 too many: 8<small>, the first 3 of them") == 1


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / mistake_export.TABLE).open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def correct(folder: Path, corrections: Mapping[str, Mapping[str, str]]) -> None:
    """What a person does in a spreadsheet, to rows by the end of their path."""
    rows = table(folder)
    for row in rows:
        for end, cells in corrections.items():
            if row["path"].endswith(end):
                row.update(cells)
    with (folder / mistake_export.TABLE).open("w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def test_photographs_and_table_are_written_the_worst_first(tmp_path: Path) -> None:
    seen, steps = on_disk(tmp_path / "data"), []
    count = mistake_export.export(
        seen,
        tmp_path / "mistakes",
        tick=lambda *step: steps.append(step),  # a bar, for people
    )
    rows = table(tmp_path / "mistakes")
    assert count == len(rows) == 5
    assert steps[-1] == (mistake_export.STEP, 5, 5)
    assert list(rows[0]) == [
        *("path", "label", "yes", "maybe", "split", "source", "tagged"),
        *("p_ambiance", "p_food", "p_human", "mistakes"),
    ]
    assert rows[0] == {
        "path": "photographs/0001-_5_.jpg",
        "label": "",
        "yes": "",
        "maybe": "",
        "split": "val",
        "source": "site 5",
        "tagged": "food;human",
        "p_ambiance": "0.1000",
        "p_food": "0.9500",
        "p_human": "0.7000",
        "mistakes": "food too many; human too many",
    }
    assert (rows[1]["label"], rows[1]["yes"], rows[1]["mistakes"]) == ("human", "human;food", "human missed")
    assert rows[2]["maybe"] == "food"
    for place, row in zip((5, 2, 6, 3, 1), rows, strict=True):
        copied = (tmp_path / "mistakes" / row["path"]).read_bytes()
        assert copied == seen.photographs[place].path.read_bytes()
    assert not list(tmp_path.glob(".unfinished*"))


def imported(*names: Path, output: Path) -> dict[bytes, Photograph]:
    """By their bytes what `data import` made of them."""
    request = ImportRequest(
        tuple(map(str, names)), output, processes=1, wanted=SnapshotPlan(name="back", smallest=16)
    )
    made = import_data.run(request, Settings(), tick=lambda *_: None)
    about = snapshot.describe(made.folder)
    return {photo.path.read_bytes(): photo for photo in snapshot.photographs(made.folder, about)}


def test_import_takes_the_corrected_table_back(tmp_path: Path) -> None:
    seen = on_disk(tmp_path / "data")
    mistake_export.export(seen, tmp_path / "mistakes")
    correct(
        tmp_path / "mistakes",
        {
            "_5_.jpg": {"yes": "food;human", "maybe": "ambiance"},
            "_2_.jpg": {"yes": "food", "maybe": "human"},
            "_3_.jpg": {"yes": "food;ambiance"},
            "_6_.jpg": {"yes": "ambiance"},
        },
    )
    found = imported(tmp_path / "mistakes" / mistake_export.TABLE, output=tmp_path / "out")
    said = {i: found[picture(i)] for i in (1, 2, 3, 5, 6)}
    assert len(found) == 5
    assert {i: (photo.labels, photo.maybe) for i, photo in said.items()} == {
        1: (("food", "human"), ()),
        2: (("food",), ("human",)),
        3: (("food", "ambiance"), ()),
        5: (("food", "human"), ("ambiance",)),
        6: (("ambiance",), ("food",)),
    }
    assert {photo.split for photo in said.values()} == {Split.VAL}
    assert said[5].source == "site 5"


def test_a_corrected_label_outranks_the_data_that_it_came_from(tmp_path: Path) -> None:
    seen = on_disk(tmp_path / "data")
    rows = [
        f"<{i}>.jpg,{';'.join(photo.labels)},{';'.join(photo.maybe)},val,{photo.source}"
        for i, photo in enumerate(seen.photographs)
    ]
    data = put(tmp_path / "data" / "labels.csv", "\n".join(["path,yes,maybe,split,source", *rows]).encode())
    mistake_export.export(seen, tmp_path / "mistakes")
    correct(
        tmp_path / "mistakes",
        {
            "_5_.jpg": {"yes": "human"},
            "_2_.jpg": {"yes": "food"},
            "_3_.jpg": {"yes": "food;ambiance"},
            "_6_.jpg": {"yes": "ambiance"},
        },
    )
    found = imported(data, tmp_path / "mistakes" / mistake_export.TABLE, output=tmp_path / "out")
    assert found[picture(5)].labels == ("human",)
    assert found[picture(2)].labels == ("food",)
    assert found[picture(1)].labels == ("food", "human")
    assert len(found) == 7


def test_a_folder_that_is_taken_is_refused_and_stays_as_it_was(tmp_path: Path) -> None:
    seen = on_disk(tmp_path / "data")
    mine = put(tmp_path / "mistakes" / "notes.txt", b"mine")
    for taken in (mine.parent, mine):
        with pytest.raises(ConfigurationError, match="is not empty, and --export-mistakes wants"):
            mistake_export.export(seen, taken)
    assert [each.name for each in mine.parent.iterdir()] == ["notes.txt"]
    (tmp_path / "empty").mkdir()
    assert mistake_export.export(seen, tmp_path / "empty") == 5


def test_without_a_mistake_the_table_has_no_rows(tmp_path: Path) -> None:
    right = SEEN.select(torch.tensor([0, 4]))
    assert mistake_export.export(right, tmp_path / "mistakes") == 0
    assert table(tmp_path / "mistakes") == []


def test_a_photograph_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^5\.jpg: can be read no longer \(No such file"):
        mistake_export.export(SEEN, tmp_path / "mistakes")
    assert not (tmp_path / "mistakes").exists()


def ran(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def held_out(tmp_path: Path) -> Path:
    """A table without splits, one photograph of one of its two labels, and a negative."""
    for i in range(5):
        put(tmp_path / f"{i}.jpg", picture(i))
    rows = [
        "path,label,yes,maybe",
        "0.jpg,food,food,",
        "1.jpg,food,food;menu,human",
        "2.jpg,,,",
        "3.jpg,,,menu",
    ]
    return put(tmp_path / "held-out.csv", "\n".join([*rows, "4.jpg,food,food,"]).encode())


def test_the_command_writes_mistakes_and_says_what_to_do_with_them(held_out: Path, tmp_path: Path) -> None:
    version = write_tiny_version(tmp_path / "tiny-v1")
    words = ("evaluate", version, held_out, "--export-mistakes", tmp_path / "mistakes")
    result = ran(*words)
    assert result.exit_code == 0, result.output
    count = len(table(tmp_path / "mistakes"))
    assert count > 0
    assert f"{count} photographs with a wrong tag are in" in result.stderr
    assert "tagstream data import" in result.stderr
    again = ran(*words)
    assert isinstance(again.exception, ConfigurationError)
    assert "is not empty" in str(again.exception)
    assert not again.stderr  # before any work


def test_data_without_splits_is_judged_as_it_is_and_that_is_said(held_out: Path, tmp_path: Path) -> None:
    version = write_tiny_version(tmp_path / "tiny-v1")
    result = ran("evaluate", version, held_out, "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["undivided"] is True
    assert (document["photographs"], document["negatives"]) == (3, 1)
    assert document["tag_recall"]["menu"]["of"] == 1
    assert "has no splits: all of it was judged, 5 photographs" in result.stderr
    assert "all of the data, which has no splits" in ran("evaluate", version, held_out).stdout
    compared = ran("compare", version, version, held_out, "--json")
    assert json.loads(compared.stdout)["photographs"] == 3
    assert "all of it was judged" in compared.stderr


def test_a_folder_of_labels_is_judged_as_it_is_with_its_negatives(tmp_path: Path) -> None:
    version = write_tiny_version(tmp_path / "tiny-v1")
    put(tmp_path / "photos" / "food" / "a.jpg", picture("a"))
    for i in range(3):
        put(tmp_path / "none" / f"{i}.jpg", picture(i))
    result = ran("evaluate", version, tmp_path / "photos", "--negatives", tmp_path / "none", "--json")
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert (document["photographs"], document["negatives"]) == (1, 3)


def test_a_split_that_was_asked_for_is_the_one_that_training_chooses_by(
    held_out: Path, tmp_path: Path
) -> None:
    version = write_tiny_version(tmp_path / "tiny-v1")
    result = ran("evaluate", version, held_out, "--split", "val", "--json")
    document = json.loads(result.stdout)
    assert document["undivided"] is False
    assert document["photographs"] + document["negatives"] < 5
    against = ran("evaluate", version, held_out, "--against", "train")
    assert isinstance(against.exception, ConfigurationError)
    assert "the data has no splits" in str(against.exception)


def test_a_maybe_that_the_version_does_not_know_is_refused(tmp_path: Path) -> None:
    put(tmp_path / "0.jpg", picture(0))
    rows = put(tmp_path / "rows.csv", b"path,label,yes,maybe\n0.jpg,food,food,humna\n")
    result = ran("evaluate", write_tiny_version(tmp_path / "tiny-v1"), rows)
    assert isinstance(result.exception, ConfigurationError)
    assert "does not know the labels ['humna']" in str(result.exception)
