"""`tagstream why`: which image is meant, how it ends, and that it looks at what workers kept."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from agents.transitions import Transitions
from operations import audit_trail
from schemas import identity, topics
from schemas.events import DeadLetter, Suspicion
from streams.adapters.kafka.connection import EmbeddedBroker
from streams.adapters.memory import MemoryScores
from streams.adapters.sqlite.store import SqliteScores
from streams.ports import ScoreStore
from tagstream import cli
from tests.unit.head_builders import NOW, TAGGER, claim, scoring
from tests.unit.test_audit_trail import record

LUNCH = identity.image_id("photos", "lunch.jpg")
REFUSED = identity.image_id("photos", "broken.jpg")
ASIDE = identity.image_id("photos", "aside.jpg")
SUSPICION = Suspicion(cause="undecodable", since=NOW)


async def _keep(store: ScoreStore) -> None:
    seen = scoring(claim(1), menu=0.9)
    change = Transitions(LUNCH, TAGGER, NOW).scored(seen)
    await store.apply(LUNCH, change, record(seen).model_copy(update={"image_id": LUNCH}))


async def _fill(path: Path) -> None:
    async with SqliteScores(path) as store:
        await _keep(store)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the test's own, with a store that knows one image."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TAGSTREAM_STORE__PATH", str(tmp_path / "kept.sqlite"))
    asyncio.run(_fill(tmp_path / "kept.sqlite"))
    return tmp_path


def ran(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """How `tagstream why` ends."""
    monkeypatch.setattr(sys, "argv", ["tagstream", "why", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert isinstance(end.value.code, int)
    return end.value.code


@pytest.mark.parametrize("image", [LUNCH, "s3://photos/lunch.jpg"])
def test_an_image_is_told_by_its_id_or_by_its_object(
    image: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(monkeypatch, image) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"{LUNCH} is hidden until a person has verified it")
    assert max(map(len, told.splitlines())) <= 80
    for section in ("Events", "Bytes and model", "Labels", "Routes", "Announced", "History"):
        assert f"\n{section}\n" in told


def test_scripts_read_the_same_facts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(monkeypatch, LUNCH, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["state"], told["model"]["name"], told["content"]["digest"]) == ("hidden", "fake", "bytes")
    assert [(led["label"], led["in_force"]) for led in told["routes"]] == [("menu", True)]
    assert told["in_words"][0].startswith(f"{LUNCH} is hidden")
    assert len(told["history"]) == 1


async def test_the_trail_is_the_same_whichever_store_kept_it(here: Path) -> None:
    async with SqliteScores(here / "kept.sqlite") as kept, MemoryScores() as memory:
        await _keep(memory)
        trails = []
        for store in (kept, memory):
            head = await store.head(LUNCH)
            assert head is not None
            trails.append(audit_trail.follow(head, await store.records(LUNCH)))
    assert trails[0] == trails[1]


def test_an_unknown_image_is_one_line_that_says_what_to_try_and_exit_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(monkeypatch, REFUSED) == 1
    told = capsys.readouterr()
    assert told.err.startswith(f"tagstream: {REFUSED} is not in the store: was it uploaded")
    assert "`tagstream dlq list`" in told.err
    assert (told.out, told.err.count("\n")) == ("", 1)


def test_where_there_is_no_store_none_is_made(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TAGSTREAM_STORE__PATH", str(here / "none.sqlite"))
    assert ran(monkeypatch, LUNCH) == 2
    assert "TAGSTREAM_STORE__PATH" in capsys.readouterr().err
    assert not (here / "none.sqlite").exists()


@pytest.fixture(scope="module")
def letters() -> Iterator[str]:
    """The address of a broker whose dead letters have one about `REFUSED`, one that bears its id, and one
    about something else."""
    with EmbeddedBroker() as broker:
        broker.create(topics.DEAD_LETTERS, topics.RETRY)
        producer = Producer({"bootstrap.servers": broker.bootstrap})
        for key, image_id in ((b"broken.jpg", REFUSED), (REFUSED.encode(), None), (b"x", LUNCH)):
            dead = DeadLetter(
                key=key,
                value=b"{}",
                source=(topics.UPLOADED, 0, 0),
                image_id=image_id,
                stage="decode",
                code="undecodable",
                exception="Undecodable",
                message="not an image",
            )
            headers: dict[str, str | bytes | None] = dict(dead.causes)
            producer.produce(topics.DEAD_LETTERS, key=key, value=b"{}", headers=headers, partition=0)
        suspected = dead.model_copy(update={"image_id": ASIDE, "due_at": NOW, "suspected": SUSPICION})
        aside: dict[str, str | bytes | None] = dict(suspected.causes)
        producer.produce(topics.RETRY, key=b"y", value=b"{}", headers=aside, partition=0)
        assert producer.flush(10) == 0
        yield broker.bootstrap


def test_an_unknown_image_is_looked_for_in_the_dead_letters(
    letters: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TAGSTREAM_KAFKA__BROKERS", letters)
    assert ran(monkeypatch, REFUSED, "--dead-letters") == 1
    told = capsys.readouterr()
    assert told.out.count("undecodable") == 2
    assert "but in the dead letters" in told.err
    assert ran(monkeypatch, REFUSED, "--dead-letters", "--json") == 1
    assert len(json.loads(capsys.readouterr().out)["dead_letters"]) == 2


def test_an_unknown_image_that_is_held_aside_is_said_to_be_tried_again(
    letters: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TAGSTREAM_KAFKA__BROKERS", letters)
    assert ran(monkeypatch, ASIDE, "--dead-letters") == 1
    assert "held aside: suspected, too many are undecodable since" in capsys.readouterr().err


def test_the_letters_of_a_known_image_are_told_with_its_trail(
    letters: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TAGSTREAM_KAFKA__BROKERS", letters)
    assert ran(monkeypatch, LUNCH, "--dead-letters", "--json") == 0
    assert len(json.loads(capsys.readouterr().out)["dead_letters"]) == 1
    assert ran(monkeypatch, "nowhere", "--dead-letters") == 1
    assert "in no dead letter" in capsys.readouterr().err
