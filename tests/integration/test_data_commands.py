"""`tagstream data`: from photographs to a snapshot, to a contact sheet, and by way of a review batch."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agents.wiring.settings import Settings
from model.data import inspecting, snapshot, sources
from model.data.inspecting import PREPROCESS, Seen
from model.decoding.limits import DecoderLimits
from model.decoding.pool import DecoderPool
from model.tiny_version import LABELS, write_tiny_version
from operations import data_summary, import_data, prelabel
from operations.import_data import ImportRequest
from schemas.errors import ConfigurationError
from tagstream.render import contact_sheet, data, gallery
from tagstream.render.console import PrintableConsole
from tagstream.render.gallery import Fact, GallerySection, Page, PageTable, ProbabilityBar, Shot
from tagstream.render.prelabel import draw
from tests.unit.data_builders import csv, drawn, encoded, folder, picture, put
from tests.unit.deadly_decoding import HERE


def silent(what: str, done: int, total: int) -> None:
    """Nobody watches."""


def tagstream(*words: object, at: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tagstream", "data", *map(str, words)]
    return subprocess.run(command, cwd=at, capture_output=True, text=True, check=False)


def test_photographs_become_a_snapshot_that_can_be_looked_at(tmp_path: Path) -> None:
    folder(tmp_path / "photos", "food", "<menu>", each=5)
    folder(tmp_path / "none", ".", each=2)
    words = (
        "import",
        "photos",
        "--negatives",
        "none",
        "--output",
        "out",
        "--name",
        "small",
        "--processes",
        "1",
    )
    ran = tagstream(*words, "--json", at=tmp_path)
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    assert (said["pictures"], said["negatives"], said["existed"]) == (12, 2, False)
    assert said["folder"] == f"out/small-{said['digest'][:12]}"
    assert "looking at the photographs" in ran.stderr

    shown = tagstream("show", said["folder"], "--html", "sheet.html", "--processes", "1", at=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert re.search(r"food +\d+ +\d+ +\d+ +5", shown.stdout)
    sheet = (tmp_path / "sheet.html").read_text()
    assert sheet.count("data:image/jpeg;base64,") == 12
    assert "&lt;menu&gt;" in sheet
    assert "<menu>" not in sheet


def test_what_cannot_be_learned_from_is_one_line_and_exit_2(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    ran = tagstream("import", "photos", "--output", "out", "--json", at=tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.splitlines()[-1].startswith("tagstream: photos: no photographs; expected")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--shares", "0.5,0.5"), "--shares: '0.5,0.5' is not three numbers"),
        (("--nearness", "near"), "--nearness: 'near' is not two whole numbers"),
        (("--name", "../up"), "--name: '../up'"),
    ],
)
def test_options_that_cannot_be_are_refused_in_words(words: tuple[str, ...], says: str) -> None:
    from tagstream.commands.data.import_ import import_  # noqa: PLC0415

    options: dict[str, Any] = {words[0].removeprefix("--"): words[1]}
    given: dict[str, Any] = {
        "name": "photos",
        "shares": "0.7,0.15,0.15",
        "nearness": "8,12",
        "seed": 0,
        "resplit": False,
        "ignore_sources": False,
        "smallest": 64,
        "merge_conflicts": False,
        "decisions": False,
        "accept_unreviewed": False,
    }
    with pytest.raises(ConfigurationError, match=re.escape(says)):
        import_(["photos"], output=Path("out"), **given | options)


def test_several_sources_become_one_snapshot_and_say_which_was_whose(tmp_path: Path) -> None:
    folder(tmp_path / "one", "food", "menu", each=3)
    folder(tmp_path / "two", "menu", "human", each=3)
    put(tmp_path / "two/human/broken.jpg", b"broken")
    request = ImportRequest((f"{tmp_path}/one", f"{tmp_path}/two/"), tmp_path / "out", processes=1)
    about = import_data.run(request, Settings(), tick=silent).about
    assert about.labels == ("food", "human", "menu")
    refused = {each.place: each.cause.value for each in about.refused.every}
    assert refused.pop("two/human/broken.jpg") == "unreadable"
    assert refused == {f"two/menu/{number}.jpg": "duplicate" for number in range(3)}


def test_nothing_to_import_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="name a SOURCE, or --decisions"):
        import_data.run(ImportRequest((), tmp_path / "out"), Settings(), tick=silent)


async def test_a_photograph_that_kills_its_decoder_is_left_out_and_the_import_lives(tmp_path: Path) -> None:
    put(tmp_path / "food/deadly.jpg", b"abort ")
    put(tmp_path / "food/good.jpg", picture(1))
    found = sources.gather(tmp_path).found
    async with DecoderPool(PREPROCESS, DecoderLimits(processes=1), decode=HERE) as pool:
        deadly, good = await inspecting.inspect(found, by=pool, at_once=2)
    assert isinstance(good, Seen)
    assert not isinstance(deadly, Seen)
    assert deadly.cause == "unreadable"
    assert "killed its process 3 times" in deadly.why


def test_a_folder_is_counted_before_it_is_imported(tmp_path: Path) -> None:
    folder(tmp_path, "food", "menu", each=2)
    put(tmp_path / "loose.jpg", b"x")
    said = data_summary.read(tmp_path).as_json()
    assert (said["pictures"], said["labels"]) == (4, ["food", "menu"])
    assert said["splits"][""]["labels"] == {"food": 2, "menu": 2}
    assert said["refused"] == ["loose.jpg: it lies beside the folders of the labels, in none of them"]


def test_a_contact_sheet_shows_a_sample_of_each_label_and_what_cannot_be_read(tmp_path: Path) -> None:
    folder(tmp_path, "food", each=5)
    put(tmp_path / "menu/broken.jpg", b"broken")
    put(tmp_path / "menu/flat.png", encoded(drawn("flat", (300, 30)), "PNG"))
    shown = data_summary.read(tmp_path)
    sample = data_summary.sample(shown, per_label=3, processes=1, tick=silent)
    page = contact_sheet.page(shown, sample)
    food, menu = page.sections
    assert (food.title, food.note, len(food.shots)) == ("food", "3 of 5 photographs", 3)
    assert [shot.picture is None for shot in menu.shots] == [True, False]
    assert sample == data_summary.sample(shown, per_label=3, processes=1, tick=silent)
    assert "cannot be read" in gallery.render(page)


def test_maybes_are_counted_by_label_and_shown_in_a_section_of_their_own(tmp_path: Path) -> None:
    folder(tmp_path, "food", "menu", each=3)
    lines = [f"{label}/{number}.jpg,{label}," for label in ("food", "menu") for number in range(3)]
    lines[0], lines[5] = "food/0.jpg,food,menu", "menu/2.jpg,,menu"
    shown = data_summary.read(csv(tmp_path / "all.csv", "path,yes,maybe", *lines))
    said = shown.as_json()
    assert (said["negatives"], said["splits"][""]["maybe"]) == (0, {"menu": 2})
    sample = data_summary.sample(shown, per_label=1, processes=1, tick=silent)
    page = contact_sheet.page(shown, sample)
    assert [section.title for section in page.sections] == ["food", "menu", "menu, maybe"]
    assert page.sections[2].note == "1 of 2 photographs"
    assert page.sections[2].shots[0].chips == ("also food",)
    console = PrintableConsole(width=100)
    with console.capture() as told:
        console.print(data.counts(shown.labels, shown.splits, shown.sources))
    assert [line.split() for line in told.get().splitlines()[:3]] == [
        ["Label", "train", "val", "test", "undivided", "all", "maybe"],
        ["food", "0", "0", "0", "3", "3", "0"],
        ["menu", "0", "0", "0", "2", "2", "2"],
    ]


def test_a_page_escapes_whatever_a_name_holds() -> None:
    evil = "<script>alert('x')</script>"
    shot = Shot(evil, None, (evil,), (ProbabilityBar(evil, 0.7, 0.5),))
    table = PageTable(evil, (evil, evil), ((evil, evil),), frozenset({0}))
    page = Page(evil, evil, (Fact(evil, evil),), [GallerySection(evil, evil, (shot,))] * 2, (evil,), (table,))
    text = gallery.render(page)
    assert "<script" not in text
    assert "http" not in text
    assert "prefers-color-scheme: dark" in text


def test_a_model_s_tags_are_a_batch_that_is_imported_once_corrected(tmp_path: Path) -> None:
    for number in range(6):
        put(tmp_path / f"new/{number}.jpg", picture(("new", number)))
    put(tmp_path / "new/broken.jpg", b"broken")
    model = write_tiny_version(tmp_path / "tiny-v1")
    batch = tmp_path / "batch"
    request = prelabel.PrelabelRequest(tmp_path / "new", batch, model, most=4, processes=1, threads=1)
    made = prelabel.run(request, draw=draw, tick=silent)
    assert len(made.proposals) == 6
    assert [line.partition(":")[0] for line in made.unreadable] == ["broken.jpg"]
    assert made.as_json()["model"] == "tiny-v1"
    uncertainties = [each.uncertainty for each in made.proposals]
    assert uncertainties == sorted(uncertainties, reverse=True)
    assert (batch / "review.html").read_text().count("data:image/jpeg") == 4
    assert (batch / "review.csv").read_text().startswith("path,labels,maybe,reviewed,suggested,")
    assert set(made.proposals[0].probabilities) == set(LABELS)
    with pytest.raises(ConfigurationError, match="is there already"):
        prelabel.run(request, draw=draw, tick=silent)

    head, *rows = (batch / "review.csv").read_text().splitlines()
    cells = [row.split(",") for row in rows]
    for number, each in enumerate(cells[:5]):
        each[1:4] = ("pasta" if number % 2 else "soup"), "" if number else "pasta", "yes"
    (batch / "review.csv").write_text("\n".join([head, *(",".join(each) for each in cells)]))
    done = import_data.run(
        ImportRequest((str(batch),), tmp_path / "out", processes=1), Settings(), tick=silent
    )
    assert done.about.labels == ("pasta", "soup")
    assert dict(done.about.refused.counts) == {"unreviewed": 1}
    assert done.about.sources[""].maybe == {"pasta": 1}
    assert snapshot.is_snapshot(done.folder)
