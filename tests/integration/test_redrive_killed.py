"""A redrive that is killed again and again sends every letter once; its dry run knows what cannot go."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

import pytest

from agents.wiring import settings
from operations import redrive
from operations.dead_letters import LetterSelection
from operations.redrive import RedriveRequest
from schemas import topics
from schemas.events import DeadLetter
from streams.adapters.kafka.connection import EmbeddedBroker
from streams.adapters.kafka.producer import ProducerSettings
from streams.adapters.kafka.publisher import KafkaPublisher
from streams.adapters.kafka.reader import TopicReader, read_all

LETTERS = 240
KILLS = 4
ALL = RedriveRequest(selection=LetterSelection())


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A broker of its own: the topics have one name everywhere."""
    with EmbeddedBroker() as running:
        monkeypatch.setenv("TAGSTREAM_KAFKA__BROKERS", running.bootstrap)
        yield running.bootstrap


def letter(number: int, **given: object) -> DeadLetter:
    said = {
        "key": b"k%d" % number,
        "value": b'{"number": %d}' % number,
        "source": (topics.UPLOADED, 0, number),
        "stage": "fetch",
        "code": "gone",
        "exception": "Gone",
        "message": "it is not there",
    }
    return DeadLetter.model_validate(said | given)


async def bury(broker: str, *letters: DeadLetter) -> None:
    async with KafkaPublisher(ProducerSettings(bootstrap=broker, max_letter_bytes=2**20)) as publisher:
        for each in letters:
            await publisher.bury(each)


def redrive_all() -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "tagstream",
        "dlq",
        "redrive",
        "--all",
        "--yes",
        "--json",
        "--rate",
        "400",
    ]
    return subprocess.Popen(command, env=dict(os.environ), stdout=subprocess.PIPE)


async def killed_while_sending(broker: str) -> int:
    """Kill a redrive as soon as one of its letters has arrived; how many had."""
    async with TopicReader(broker, topics.UPLOADED) as reader:
        before = sum((await reader.ends()).values())
        process = redrive_all()
        while process.poll() is None:
            if sum((await reader.ends()).values()) > before:
                process.kill()
                break
            await asyncio.sleep(0.001)
        process.communicate()
        return sum((await reader.ends()).values()) - before


async def test_killed_in_the_middle_of_a_handful_it_sends_every_letter_once(broker: str) -> None:
    await bury(broker, letter(0, topic=topics.UPLOADED), *map(letter, range(LETTERS)))
    caught = [await killed_while_sending(broker) for _ in range(KILLS)]
    assert all(0 < each < LETTERS for each in caught), caught
    process = redrive_all()
    said, _ = process.communicate()
    assert process.returncode == 0
    assert json.loads(said)["redriven"] + sum(caught) == LETTERS
    sent = Counter(
        message.value for message in (await read_all(broker, topics.UPLOADED)) if message.headers[-1:]
    )
    sent.subtract([b'{"number": 0}'])  # that made the topic
    assert sent == Counter(letter(number).value for number in range(LETTERS))
    print(f"{KILLS} kills, with {caught} letters sent")


async def test_the_dry_run_says_which_letters_have_no_way_back_and_why(broker: str) -> None:
    await bury(
        broker,
        letter(1),
        letter(2, value=bytes(3_000_000)),
        letter(3, source=("secrets", 0, 1)),
    )
    found = await redrive.choose(settings.load(), ALL, lambda *_: None)
    assert [each.message.key for each in found.chosen] == [b"k1"]
    whys = {each.letter.message.key: each.why for each in found.refused}
    assert "the whole is at photos.uploaded.v1, 0, 2" in whys[b"k2"]
    assert "'secrets'" in whys[b"k3"]
    done = await redrive.send(settings.load(), ALL, found, lambda _: None)
    assert (done.redriven, len(done.refused)) == (1, 2)
