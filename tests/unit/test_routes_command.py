"""`tagstream routes`, and that a worker goes by the file that was tried with it."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from agents import announcements
from agents.transitions import Scoring, Transitions
from agents.wiring import settings, tagging
from model import checkpoint, routes
from model.policy import Policy
from model.tiny_version import write_tiny_version
from schemas.errors import ConfigurationError
from schemas.events import CollectionChanged
from schemas.records import Content
from schemas.tags import Scores
from streams.adapters.sqlite.store import SqliteScores
from tagstream import cli

from .head_builders import NOW, claim, outcome

INDOOR = '[[routes]]\nlabel = "ambiance"\ntopic = "photos.indoor.v1"\nthreshold = 0.8\n'
PACKAGED = checkpoint.read_manifest(checkpoint.PACKAGED)
SEEN = {"a": 0.9, "b": 0.5, "c": 0.85}
"""How much ambiance the packaged model sees in which image."""


def scored(ambiance: float) -> Scoring:
    probabilities = dict.fromkeys(PACKAGED.labels, 0.0) | {"ambiance": ambiance}
    scores = Scores(probabilities=probabilities, model=PACKAGED.ref)
    return Scoring(claim(1), scores, Content(digest="bytes", size=1))


async def _fill(path: Path) -> None:
    async with SqliteScores(path) as store:
        for image_id, ambiance in SEEN.items():
            changes = Transitions(image_id, Policy.of(PACKAGED), NOW)
            await store.apply(image_id, changes.scored(scored(ambiance)))


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the test's own, with a store that holds `SEEN`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TAGSTREAM_STORE__PATH", str(tmp_path / "kept.sqlite"))
    asyncio.run(_fill(tmp_path / "kept.sqlite"))
    return tmp_path


@pytest.fixture
def indoor(here: Path) -> Path:
    """The packaged model's rules, and one line more."""
    path = here / "routes.toml"
    path.write_text(routes.dump(PACKAGED.routes) + INDOOR)
    return path


def ran(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """How `tagstream routes` ends."""
    monkeypatch.setattr(sys, "argv", ["tagstream", "routes", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert isinstance(end.value.code, int)
    return end.value.code


def document(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


def test_what_a_new_line_would_change_is_told_and_ends_well(
    indoor: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(monkeypatch, "check", str(indoor), "--json") == 0
    told = document(capsys)
    assert (told["images"], told["judged"], told["changed"], told["complete"]) == (3, 3, 2, True)
    assert told["routes"][-1] == {
        "topic": "photos.indoor.v1",
        "label": "ambiance",
        "added": {
            "count": 2,
            "examples": [{"image_id": "a", "probability": 0.9}, {"image_id": "c", "probability": 0.85}],
        },
        "removed": {"count": 0, "examples": []},
        "added_without_restaurant": 0,
    }


def test_people_read_the_same_in_eighty_columns(
    indoor: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TAGSTREAM_ROUTES__FILE", str(indoor))
    assert ran(monkeypatch, "check", str(indoor), "--limit", "2") == 0
    told = capsys.readouterr().out
    assert max(map(len, told.splitlines())) <= 80
    for expected in ("2 images looked at (the first ones", "photos.indoor.v1", "ambiance added", "0.900"):
        assert expected in told


def test_nothing_is_written(
    indoor: Path, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TAGSTREAM_STORE__PATH", str(here / "none.sqlite"))
    assert ran(monkeypatch, "check", str(indoor), "--json") == 0
    assert document(capsys)["store"] is False
    assert not (here / "none.sqlite").exists()
    assert ran(monkeypatch, "check", str(indoor)) == 0
    assert "No store is here" in capsys.readouterr().out


def test_a_wrong_file_is_one_line_and_exit_2(
    indoor: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    indoor.write_text(indoor.read_text().replace('"menu"', '"meny"'))
    assert ran(monkeypatch, "check", str(indoor)) == 2
    told = capsys.readouterr()
    assert told.err.endswith("line 2: label: the model has no label 'meny'; did you mean menu?\n")
    assert (told.out, told.err.count("\n")) == ("", 1)


def test_scores_of_another_version_than_the_one_that_is_asked_are_left_alone(
    indoor: Path, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = write_tiny_version(here / "tiny")
    assert ran(monkeypatch, "check", str(indoor), "--model", str(tiny), "--json") == 0
    told = document(capsys)
    assert (told["judged"], list(told["other_models"].values())) == (0, [3])
    assert ran(monkeypatch, "check", str(indoor), "--model", "nowhere") == 2
    assert capsys.readouterr().err == "tagstream: --model: nowhere: there is no such model version\n"


def test_the_rules_in_force_are_shown_as_a_file_that_loads(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(monkeypatch, "show") == 0
    shown = here / "shown.toml"
    shown.write_text(capsys.readouterr().out)
    assert routes.load(shown) == PACKAGED.routes
    assert f"ambiance ({PACKAGED.thresholds['ambiance']:g})" in shown.read_text()


def test_the_rules_of_a_configured_file_are_the_ones_in_force(
    indoor: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TAGSTREAM_ROUTES__FILE", str(indoor))
    assert ran(monkeypatch, "show", "--json") == 0
    told = document(capsys)
    assert told["file"] == str(indoor)
    assert told["routes"][-1]["topic"] == "photos.indoor.v1"
    indoor.write_text("routes = 1")
    assert ran(monkeypatch, "show") == 2
    assert capsys.readouterr().err.startswith(f"tagstream: TAGSTREAM_ROUTES__FILE: {indoor}: ")


def worker_settings(here: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> settings.Settings:
    """Of a worker with a model of the labels ambiance, food, human and menu, and this routes file."""
    (here / "routes.toml").write_text(text)
    monkeypatch.setenv("TAGSTREAM_MODEL__FOLDER", str(write_tiny_version(here / "tiny")))
    monkeypatch.setenv("TAGSTREAM_ROUTES__FILE", str(here / "routes.toml"))
    return settings.load()


async def test_a_workers_new_collection_is_a_line_in_its_file(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tagger = await tagging.load_tagger(worker_settings(here, monkeypatch, INDOOR))
    async with tagger:
        for ambiance, expected in ((0.9, {"photos.indoor.v1"}), (0.79, set())):
            scores = Scores(
                probabilities={"ambiance": ambiance, "food": 0.0, "human": 0.0, "menu": 0.9},
                model=tagger.model,
            )
            asked = Scoring(claim(1), scores, Content(digest="bytes", size=1))
            head = outcome(None, Transitions("img_1", tagger, NOW).scored(asked)).head
            said = announcements.announcements(head, announcements.diff(head))
            collections = [each for each in said if isinstance(each.event, CollectionChanged)]
            assert {each.topic for each in collections} == expected
            assert {each.key for each in collections} <= {"r1"}


async def test_a_worker_with_a_wrong_routes_file_does_not_start(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = worker_settings(here, monkeypatch, INDOOR.replace("ambiance", "terrace"))
    with pytest.raises(ConfigurationError, match=r"TAGSTREAM_ROUTES__FILE: .*terrace"):
        await tagging.load_tagger(config)
