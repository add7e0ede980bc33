"""The golden run itself: payloads one by one, payloads together, a day of one restaurant, and the samples."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streams.message import Handler, Message
from tagstream import samples

from .account import account
from .messages import decision, notification, raw, removal, rescore, retried, upload
from .worker import Crash, World, deliver, dispatcher, newer_tagger, packaged_tagger

CORPUS = Path(__file__).parents[1] / "corpus" / "wire"
SENDERS = frozenset({"aws", "ceph", "cloudevents", "minio", "others", "own", "versitygw"})
GONE = frozenset({"copy", "post-of-a-later-minor-version"})
"""Payloads whose objects do not exist any more."""
BROKEN = frozenset({"multipart"})
"""Payloads whose objects are no photographs."""
STANDING = frozenset({"delete-of-one-version", "delete-objects"})
"""Payloads that remove what stands nevertheless."""

Told = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Payload:
    """One message of the corpus, and what the corpus says of it."""

    name: str
    value: bytes
    expected: Told

    @classmethod
    def read(cls, path: Path) -> Payload:
        """The payload whose expectation is the file `path`; several may share one file."""
        expected = json.loads(path.read_text())
        value = path.with_name(expected.get("payload", path.name.replace(".expected", ""))).read_bytes()
        return cls(f"{path.parent.name}/{path.name.removesuffix('.expected.json')}", value, expected)

    def message(self, offset: int) -> Message:
        """As it comes off the topic."""
        headers = ((name, value.encode()) for name, value in self.expected.get("headers", {}).items())
        return Message("photos.uploaded.v1", 3, offset, b"key", self.value, tuple(headers))

    async def put(self, world: World) -> None:
        """Let storage hold what the payload speaks of, so far as it stands."""
        stem = self.name.partition("/")[2]
        for record in self.expected["records"]:
            stands = record["asks"] == "uploaded" and stem not in GONE
            if not stands and stem not in STANDING:
                continue
            bucket, key, version = record["bucket"], record["key"], record.get("version")
            data = f"{'broken ' if stem in BROKEN else ''}{self.name}: {bucket}/{key}"
            await world.put(bucket, key, data.encode(), version=version)

    def dispatcher(self, world: World) -> Handler:
        """A worker with the settings that the payload is read with."""
        return dispatcher(world, **self.expected.get("settings", {}))


def payloads() -> list[Payload]:
    """The corpus of those whose meanings differ, in order; what only stands around an event adds nothing."""
    found = sorted(CORPUS.rglob("*.expected.json"))
    return [Payload.read(path) for path in found if path.parent.name in SENDERS]


async def payloads_alone() -> Told:
    """What comes of each payload in a world of its own, by its name."""
    return {payload.name: await _alone(payload) for payload in payloads()}


async def _alone(payload: Payload) -> Told:
    world = World()
    await payload.put(world)
    await deliver(payload.dispatcher(world), payload.message(0))
    return await account(world)


async def payloads_together() -> Told:
    """What comes of all payloads in one world: many speak of one image, one says what another overrules."""
    world = World()
    for offset, payload in enumerate(payloads()):
        await payload.put(world)
        await deliver(payload.dispatcher(world), payload.message(offset))
    return await account(world)


KEYS = tuple(f"r1/{number:02}.jpg" for number in range(32))


async def a_day() -> Told:
    """What comes of uploads, decisions, a new model, removals, faults, a death and all of it again."""
    world = World()
    for number, key in enumerate(KEYS):
        await world.put("photos", key, f"photograph {number}".encode())
    await world.put("photos", "r1/broken.jpg", b"broken")
    handle = dispatcher(world)
    await deliver(handle, *_uploads(), *_decisions())
    await _deferred(world, handle)
    await _deaths(world, handle)
    await deliver(dispatcher(world, tagger=newer_tagger()), *_replay())
    await _changes(world, handle)
    await deliver(handle, *_uploads(), *_decisions())
    return await account(world)


def _uploads() -> Iterator[Message]:
    trace = (("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),)
    for number, key in enumerate(KEYS[:16]):
        whose = f"r{number % 3}" if number % 4 else None
        yield upload(key, offset=number, minute=number, restaurant=whose, headers=trace if number % 2 else ())
    yield notification(*KEYS[16:20], offset=16, minute=16)
    yield upload("r1/broken.jpg", offset=17, minute=17)
    yield upload("r1/missing.jpg", offset=18, minute=18)
    yield raw(b"{", offset=19)
    yield raw(None, offset=20)
    yield raw(b"\xff\x00 nothing", offset=21)
    yield raw(b'{"location": {"bucket": "photos"}, "uploaded_at": "noon"}', offset=22)


def _decisions() -> Iterator[Message]:
    for number, key in enumerate(KEYS[:16]):
        action = ("approve", "reject", "correct", "reject")[number % 4]
        labels = [["food"], ["ambiance"], ["menu", "human"], []][number // 4] if action == "correct" else None
        yield decision(key, action, labels=labels, offset=number, minute=30 + number)
    for number, key in enumerate(KEYS[3:16:4]):
        yield decision(key, "revoke", offset=16 + number, minute=50 + number)
    yield decision(KEYS[0], "reject", offset=20, minute=1)
    yield decision("r1/never-seen.jpg", "approve", offset=21, minute=55)
    yield raw(b'{"action": "correct"}', offset=22, topic="photos.decisions.v1")


async def _deferred(world: World, handle: Handler) -> None:
    """One object that storage refuses alone, at its first message, at its third, and after its last."""
    key = KEYS[20]
    world.images.refused.add(key)
    message = notification(key, KEYS[21], "r1/missing-too.jpg", offset=30, minute=60)
    for offset, attempts in enumerate((0, 2, 5)):
        came = retried(message, key, attempts=attempts, offset=offset) if attempts else message
        await _while_others_are_answered(handle, came)
    world.images.refused.clear()
    await deliver(handle, retried(message, key, attempts=3, offset=9))


async def _while_others_are_answered(handle: Handler, message: Message) -> None:
    """Work on the message while storage answers questions that change nothing."""
    asked = notification(KEYS[0], event="ObjectRemoved:Delete", offset=31, minute=61, version="v0")
    work = asyncio.create_task(handle(message).work())
    async with asyncio.timeout(20):
        while not work.done():
            await deliver(handle, asked)
            await asyncio.sleep(0)
    await work


async def _deaths(world: World, handle: Handler) -> None:
    """A worker dies between its first event and its second; the next goes on, or hears something newer."""
    for number, key in enumerate(KEYS[22:32]):
        message = upload(key, offset=40 + number, minute=62)
        world.tags.dies = True
        with contextlib.suppress(Crash):
            await deliver(handle, message)
        if number % 3 == 1:
            await world.put("photos", key, f"a photograph put since the death {number}".encode())
        if number % 3:
            await deliver(handle, upload(key, offset=70 + number, minute=63))
        await deliver(handle, message)


def _replay() -> Iterator[Message]:
    for number, key in enumerate(KEYS[:12]):
        again = number % 2 == 0
        yield rescore(key, version="2", offset=number, minute=number, decide_again=again)
        yield rescore(key, version="2", offset=number + 12, minute=number, decide_again=again)
    yield rescore(KEYS[13], version="3", offset=30, minute=13)
    yield rescore("r1/missing.jpg", version="2", offset=31, minute=18)
    yield rescore(KEYS[23], version="2", offset=32, minute=20)
    yield retried(rescore(KEYS[19], version="2", offset=34, minute=16), KEYS[19], attempts=1, offset=10)
    yield raw(b"[]", offset=33, topic="photos.rescore.v1")


async def _changes(world: World, handle: Handler) -> None:
    """Other bytes, another restaurant, removals, and words that come too late."""
    for number, key in enumerate(KEYS[:4]):
        await world.put("photos", key, f"another photograph {number}".encode())
    await deliver(
        handle,
        *(upload(key, offset=50 + place, minute=70 + place) for place, key in enumerate(KEYS[:4])),
        *(upload(key, offset=54 + place, minute=74, restaurant="r9") for place, key in enumerate(KEYS[4:12])),
        *(removal(key, offset=62 + place, minute=80) for place, key in enumerate(KEYS[12:15])),
        upload(KEYS[13], offset=65, minute=79),
        upload(KEYS[14], offset=66, minute=81),
        removal("r1/never-seen.jpg", offset=67, minute=82),
        notification(KEYS[16], event="ObjectRemoved:Delete", offset=68, minute=83),
        notification(KEYS[17], event="ObjectRemoved:Delete", offset=69, minute=84, version="v1"),
        decision(KEYS[12], "approve", offset=30, minute=85),
        retried(decision(KEYS[18], "reject", offset=31, minute=86), KEYS[18], attempts=1, offset=11),
    )


async def the_samples() -> Told:
    """What the packaged model makes of the sample photographs, and what a person says of the first."""
    world = World()
    found = samples.photographs()
    for path in found:
        await world.put("photos", f"samples/{path.name}", path.read_bytes())
    async with packaged_tagger() as tagger:
        handle = dispatcher(world, tagger=tagger)
        for number, path in enumerate(found):
            await deliver(handle, upload(f"samples/{path.name}", offset=number, minute=number))
        await deliver(handle, decision(f"samples/{found[0].name}", "approve", offset=0, minute=59))
    told = await account(world)
    for event in (each["event"] or {} for each in told["announced"]):
        if facts := event.get("decision_facts"):  # a sentence with fractions that a network made
            event["decision_facts"] = re.sub(r"\d+\.\d{3}", "(fraction)", facts)
    return told
