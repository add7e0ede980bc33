"""`tagstream classify`: every file gets its answer, whatever the others are."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from agents.ports import Forwarded
from agents.testing import FakeTagger
from model.tiny_version import write_tiny_version
from operations import photographs
from operations.classify import Answer, Classified, PhotoClassifier, RefusedFile, found
from operations.passed_over import PassedOver
from schemas.errors import DeviceBroken


def _eye(tagger: FakeTagger | None = None, *, at_once: int = 4) -> PhotoClassifier:
    return PhotoClassifier(tagger or FakeTagger(), at_once=at_once, loading=2, max_bytes=100)


async def _look(eye: PhotoClassifier, paths: list[Path]) -> dict[str, Answer]:
    async with aclosing(eye.look(paths)) as answers:
        return {answer.path.name: answer async for answer in answers}


def _write(folder: Path, **files: bytes) -> list[Path]:
    paths = [folder / name for name in files]
    for path, data in zip(paths, files.values(), strict=True):
        path.write_bytes(data)
    return paths


async def test_a_file_that_cannot_be_classified_does_not_stop_the_others(tmp_path: Path) -> None:
    paths = _write(tmp_path, good=b"good", bad=b"broken", large=bytes(101), also=b"also good")
    os.mkfifo(tmp_path / "pipe")
    answers = await _look(_eye(), [*paths, tmp_path / "pipe", tmp_path / "nowhere", tmp_path])
    codes = {name: each.code for name, each in answers.items() if isinstance(each, RefusedFile)}
    assert codes == {
        "bad": "undecodable",
        "large": "too_large",
        "pipe": "unreadable",
        "nowhere": "gone",
        tmp_path.name: "unreadable",
    }
    assert {name for name, each in answers.items() if isinstance(each, Classified)} == {"good", "also"}


async def test_an_answer_says_every_label_highest_first(tmp_path: Path) -> None:
    answer = (await _look(_eye(), _write(tmp_path, photo=b"a photograph")))["photo"]
    said = answer.document()
    assert set(said) == {"path", "tags", "top", "routes", "model_version"}
    assert {tag["label"] for tag in said["tags"]} == {"food", "ambiance", "menu", "human"}
    assert all(set(tag) == {"label", "probability", "tagged"} for tag in said["tags"])
    probabilities = [tag["probability"] for tag in said["tags"]]
    assert probabilities == sorted(probabilities, reverse=True)
    assert said["top"] == said["tags"][0]["label"]


class CountingTagger(FakeTagger):
    """Counts how many images it holds at once, as pixels or in a forward."""

    def __init__(self) -> None:
        super().__init__()
        self.held = 0
        self.most = 0

    async def score(self, pixels: bytes) -> Forwarded:
        self.held += 1
        self.most = max(self.most, self.held)
        await asyncio.sleep(0.001)
        self.held -= 1
        return await super().score(pixels)


async def test_a_bounded_number_of_files_is_held_at_once(tmp_path: Path) -> None:
    tagger = CountingTagger()
    paths = _write(tmp_path, **{f"photo-{number}": bytes([number]) for number in range(50)})
    assert len(await _look(_eye(tagger, at_once=3), paths)) == 50
    assert 1 < tagger.most <= 3


class BrokenTagger(FakeTagger):
    """Its device is broken."""

    async def score(self, pixels: bytes) -> Forwarded:
        raise DeviceBroken(f"no forward of {len(pixels)} bytes")


async def test_a_broken_device_is_nobody_s_answer(tmp_path: Path) -> None:
    with pytest.raises(DeviceBroken):
        await _look(_eye(BrokenTagger()), _write(tmp_path, one=b"1", two=b"2"))


def test_folders_give_their_photographs_in_order_and_named_files_are_always_tried(tmp_path: Path) -> None:
    for name in ("b/2.JPG", "b/1.png", "a.webp", "notes.txt", ".hidden.jpg", ".git/x.jpg", "c.heic"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    names = [path.relative_to(tmp_path).as_posix() for path in photographs.below(tmp_path)]
    assert names == ["a.webp", "c.heic", "b/1.png", "b/2.JPG"]
    notes = tmp_path / "notes.txt"
    assert list(found([notes, tmp_path / "b"], [])) == [notes, tmp_path / "b/1.png", tmp_path / "b/2.JPG"]


def _tagstream(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tagstream", "classify", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny model and a few files."""
    folder = tmp_path_factory.mktemp("shop")
    write_tiny_version(folder / "tiny")
    (folder / "photos").mkdir()
    for name, colour in (("red.png", "red"), ("blue.jpg", "blue")):
        Image.new("RGB", (90, 70), colour).save(folder / "photos" / name)
    (folder / "photos" / "cut.jpg").write_bytes((folder / "photos" / "blue.jpg").read_bytes()[:300])
    return folder


def test_json_lines_and_exit_1_when_a_file_failed(shop: Path) -> None:
    ran = _tagstream("photos", "nowhere.jpg", "--json", "--model", "tiny", cwd=shop)
    said: dict[str, Any] = {line["path"]: line for line in map(json.loads, ran.stdout.splitlines())}
    assert ran.returncode == 1, ran.stderr
    assert set(said) == {"photos/red.png", "photos/blue.jpg", "photos/cut.jpg", "nowhere.jpg"}
    assert said["photos/cut.jpg"]["error"]["code"] == "undecodable"
    assert said["nowhere.jpg"]["error"]["code"] == "gone"
    assert said["photos/red.png"]["model_version"] == "v1"
    assert ran.stderr == ""


def test_a_table_and_exit_0_when_all_went_well(shop: Path) -> None:
    ran = _tagstream("photos/red.png", "photos/blue.jpg", "--model", "tiny", cwd=shop)
    assert ran.returncode == 0, ran.stderr
    assert "red.png" in ran.stdout
    assert "ambiance" in ran.stdout
    assert ran.stderr == ""


def _full_folder(folder: Path) -> Path:
    names = (
        "a.JPG",
        "b.Jpeg",
        *(f"{number}.DNG" for number in range(8)),
        "1.xmp",
        "2.XMP",
        "3.xmp",
        "a.mov",
        "README",
    )
    for name in (*names, ".DS_Store", ".git/x.jpg", "sub/c.jpg", "sub/d.dng"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (folder / "link").symlink_to(folder / "sub")
    return folder


def test_what_a_folder_has_besides_is_counted_by_kind(tmp_path: Path) -> None:
    passed: list[PassedOver] = []
    files = list(found([_full_folder(tmp_path / "full")], passed))
    assert [path.name for path in files] == ["a.JPG", "b.Jpeg", "c.jpg"]
    (said,) = map(str, passed)
    assert said.endswith(
        "full: passed over 15 files: 9 .dng, 3 .xmp, 1 hidden, 1 without extension, 1 .mov; "
        "1 hidden folder; 1 linked folder"
    )
    assert passed[0].document()["passed_over"] == {
        "files": 15,
        "kinds": {".dng": 9, ".xmp": 3, "hidden": 1, "without extension": 1, ".mov": 1},
        "folders": {"hidden": 1, "linked": 1},
    }


def test_an_extension_that_is_none_is_not_repeated(tmp_path: Path) -> None:
    passed: list[PassedOver] = []
    for name in ("a.\x1b[31m", "b." + "x" * 200):
        (tmp_path / name).touch()
    assert list(found([tmp_path], passed)) == []
    assert passed[0].files == {"other": 2}


def test_what_is_passed_over_is_said_beside_the_answers(shop: Path) -> None:
    mixed = shop / "mixed"
    mixed.mkdir()
    (mixed / "RED.PNG").write_bytes((shop / "photos" / "red.png").read_bytes())
    for name in ("a.dng", "b.DNG", "c.xmp"):
        (mixed / name).touch()
    ran = _tagstream("mixed", "photos/red.png", "--json", "--model", "tiny", cwd=shop)
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == "tagstream classify: mixed: passed over 3 files: 2 .dng, 1 .xmp\n"
    said: dict[str, Any] = {line["path"]: line for line in map(json.loads, ran.stdout.splitlines())}
    assert said["mixed"]["passed_over"] == {"files": 3, "kinds": {".dng": 2, ".xmp": 1}, "folders": {}}
    assert said["mixed/RED.PNG"]["tags"]


def test_a_file_that_is_named_is_not_passed_over_but_told_why_not(shop: Path) -> None:
    (shop / "movie.MOV").write_bytes(b"\0\0\0\x14ftypqt  " + bytes(40))
    ran = _tagstream("movie.MOV", "--json", "--model", "tiny", cwd=shop)
    assert ran.returncode == 1
    assert "a QuickTime video (MOV)" in json.loads(ran.stdout)["error"]["message"]
    assert ran.stderr == ""
