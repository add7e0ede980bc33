"""The programs that the documentation shows, run as they stand there, over the embedded broker."""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from schemas import identity, topics, wire
from schemas.contract import asyncapi, examples
from schemas.decisions import Decided, ModerationDecided
from schemas.events import Action, ModerationRequested
from streams.adapters.kafka.connection import EmbeddedBroker

DOCS: Final = Path(__file__).parents[2] / "docs"
ASKED: Final = ModerationRequested.model_validate(asyncapi.example(ModerationRequested))
PATIENCE: Final = 60.0


def sample(page: str, name: str) -> str:
    """The Python block of that name."""
    text = (DOCS / page).read_text(encoding="utf-8")
    (found,) = re.findall(rf"^```python {name}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return str(found)


@pytest.fixture
def broker() -> Iterator[str]:
    with EmbeddedBroker() as broker:
        broker.create(*topics.ALL)
        yield broker.bootstrap


@pytest.fixture
def environment(broker: str, tmp_path: Path) -> Mapping[str, str]:
    said = {
        "BROKERS": broker,
        "QUEUE": str(tmp_path / "queue.sqlite"),
        "USER": "ada",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    return {**os.environ, **said}


@contextmanager
def moderator(program: Path, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, program], env=environment)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE)


async def publish(broker: str, *asked: ModerationRequested) -> None:
    async with AIOKafkaProducer(bootstrap_servers=broker) as producer:
        for each in asked:
            await producer.send_and_wait(topics.MODERATION, wire.encode(each), key=each.image_id.encode())


async def first(broker: str, topic: str) -> tuple[bytes | None, bytes]:
    """Key and value of the topic's first message."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=broker, auto_offset_reset="earliest")
    async with consumer:
        message = await asyncio.wait_for(consumer.getone(), PATIENCE)
    return message.key, message.value or b""


async def queued(path: str, *, labels: set[str]) -> None:
    """Return when the queue holds exactly these."""
    async with asyncio.timeout(PATIENCE):
        while _labels(path) != labels:
            await asyncio.sleep(0.1)


def _labels(path: str) -> set[str]:
    with closing(sqlite3.connect(path)) as database:
        try:
            return {label for (label,) in database.execute("SELECT label FROM queue")}
        except sqlite3.OperationalError:  # not there yet
            return set()


def test_the_derivation_that_is_shown_is_the_one_that_is_used() -> None:
    said: dict[str, object] = {}
    exec(sample("producers.md", "derivation"), said)  # noqa: S102 - our own page
    assert said["image_id"] == identity.image_id("photos", "r42/terrace.jpg")


async def test_what_the_producer_publishes_is_an_upload(
    broker: str, environment: Mapping[str, str], tmp_path: Path
) -> None:
    program = tmp_path / "producer.py"
    program.write_text(sample("producers.md", "producer"), encoding="utf-8")
    await asyncio.to_thread(run, program, environment)
    key, value = await first(broker, topics.UPLOADED)
    (record,) = wire.decode(value, {})
    assert isinstance(record, wire.Uploaded)
    assert key == record.upload.image_id.encode()
    assert (record.upload.location.key, record.upload.restaurant_id) == ("r42/terrace.jpg", "r42")


async def test_the_moderator_keeps_the_queue_and_decides(
    broker: str, environment: Mapping[str, str], tmp_path: Path
) -> None:
    program = tmp_path / "moderator.py"
    program.write_text(sample("moderation.md", "moderator"), encoding="utf-8")
    seen = ASKED.model_copy(update={"revision": 2, "content_digest": "d" * 64})
    late = seen.model_copy(update={"revision": 1, "label": "human"})
    gone = seen.model_copy(update={"revision": 3, "action": Action.REMOVED})
    with moderator(program, environment) as following:
        await publish(broker, seen, late, seen, seen.model_copy(update={"label": "uncertain"}))
        await queued(environment["QUEUE"], labels={"menu", "uncertain"})
        shown = await asyncio.to_thread(run, program, environment, "show")
        assert f"{examples.IMAGE} menu" in shown
        assert "X-Amz-Signature=" in shown
        await asyncio.to_thread(run, program, environment, "approve", examples.IMAGE)
        await publish(broker, gone, late)
        await queued(environment["QUEUE"], labels={"uncertain"})
        assert following.poll() is None
    key, value = await first(broker, topics.DECISIONS)
    decided = wire.decode_decision(value, {})
    assert isinstance(decided, ModerationDecided)
    assert key == decided.image_id.encode() == examples.IMAGE.encode()
    assert (decided.action, decided.decided_by) == (Decided.APPROVE, "ada")
    assert decided.content_digest == seen.content_digest


def run(program: Path, environment: Mapping[str, str], *words: str) -> str:
    done = subprocess.run([sys.executable, program, *words], env=environment, check=True, capture_output=True)
    return done.stdout.decode()


async def test_the_moderator_revokes_what_has_left_the_queue(
    broker: str, environment: Mapping[str, str], tmp_path: Path
) -> None:
    program = tmp_path / "moderator.py"
    program.write_text(sample("moderation.md", "moderator"), encoding="utf-8")
    await asyncio.to_thread(run, program, environment, "revoke", examples.IMAGE)
    _, value = await first(broker, topics.DECISIONS)
    decided = wire.decode_decision(value, {})
    assert isinstance(decided, ModerationDecided)
    assert (decided.action, decided.content_digest) == (Decided.REVOKE, None)
