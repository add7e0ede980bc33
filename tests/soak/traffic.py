"""What producers, people and accidents do, at a steady rate: an operation a tick, whatever becomes of it."""

from __future__ import annotations

import asyncio
import json
import random
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from agents.testing import LABELS
from schemas import identity, topics
from tests.soak.broker import Moderator, Outbox
from tests.soak.contents import Contents
from tests.soak.ledger import Ledger, Photograph
from tests.soak.plan import BUCKET, LARGEST, Plan
from tests.soak.storage import Storage

POOL: Final = 240
"""Keys that are put, overwritten, removed and put again."""
REST: Final = 2.2
"""Seconds in which nobody else touches a key: storage tells time in whole seconds, and the last word
on an image is to be one."""
MEMORY: Final = 200
"""Events of ours that may be said again."""


@dataclass(frozen=True, slots=True)
class World:
    """What the traffic goes to."""

    storage: Storage
    outbox: Outbox
    moderator: Moderator
    contents: Contents
    ledger: Ledger


@dataclass
class Traffic:
    """Runs the operations; owns their tasks."""

    plan: Plan
    world: World
    _dice: random.Random = field(init=False)
    _resting: dict[str, float] = field(default_factory=dict)
    _said: list[tuple[str, str, bytes]] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._dice = random.Random(f"traffic {self.plan.seed}")
        self._operations: dict[str, tuple[float, Callable[[], Awaitable[None]]]] = {
            "photograph put": (46, self._put),
            "event for a photograph": (14, self._event),
            "event said again": (8, self._again),
            "event said late": (4, self._late),
            "photograph removed": (6, self._remove),
            "event of a removal": (3, self._removal),
            "decision": (9, self._decide),
            "bad: broken photograph put": (2, self._broken),
            "bad: too large photograph put": (1, self._large),
            "bad: malformed event": (2, self._malformed),
            "bad: event of no photograph": (2, self._missing),
            "bad: event of a foreign bucket": (1, self._foreign),
            "bad: decision on no photograph": (1, self._unknown),
            "bad: malformed decision": (1, self._nonsense),
        }

    @property
    def in_flight(self) -> int:
        """Operations that wait for an acknowledgement."""
        return len(self._tasks)

    async def run(self, until: asyncio.Event) -> None:
        """An operation a tick until `until`, and then until each is acknowledged."""
        weights = [weight for weight, _ in self._operations.values()]
        began = time.monotonic()
        ticks = 0
        async with asyncio.TaskGroup() as group:
            while not until.is_set():
                (kind,) = self._dice.choices(list(self._operations), weights)
                task = group.create_task(self._do(kind))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
                ticks += 1
                await _until(began + ticks / self.plan.rate, until)

    async def _do(self, kind: str) -> None:
        await self._operations[kind][1]()
        self.world.ledger.operations += 1

    async def _put(self) -> None:
        key = self._free(lambda _: True)
        await self._put_at(key, self.world.contents.photograph(key, self._dice))

    async def _put_at(self, key: str, data: bytes) -> None:
        photograph = self.world.ledger.at(key)
        self._resting[key] = float("inf")
        await self.world.storage.put(key, data)
        assert photograph.digest is not None
        self.world.ledger.labels[photograph.digest] = self.world.contents.labels(data)
        self._rest(key)

    async def _event(self) -> None:
        """A producer says what storage has said already; sometimes with the etag."""
        key = self._free(_stands)
        photograph = self.world.ledger.at(key)
        if photograph.data is None:
            return await self._put_at(key, self.world.contents.photograph(key, self._dice))
        self._resting[key] = float("inf")
        etag = photograph.etag if self._dice.random() < 0.5 else None
        await self._say(key, datetime.now(UTC), etag=etag)
        self._rest(key)
        return None

    async def _again(self) -> None:
        """The same message once more, of whatever kind it was."""
        if not self._said:
            return await self._event()
        topic, key, value = self._dice.choice(self._said)
        await self.world.outbox.publish(topic, key, value)
        return None

    async def _late(self) -> None:
        """An event older than all others: it changes nothing."""
        photograph = self.world.ledger.at(self._free(_stands))
        if photograph.data is None:
            return await self._event()
        age = timedelta(hours=1, seconds=self._dice.random() * 1000)
        self._rest(photograph.key)
        await self._say(photograph.key, datetime.now(UTC) - age)
        return None

    async def _remove(self) -> None:
        key = self._free(_stands)
        self._resting[key] = float("inf")
        await self.world.storage.remove(key)
        self._rest(key)

    async def _removal(self) -> None:
        """A producer withdraws an image; its object stays."""
        key = self._free(_stands)
        self._resting[key] = float("inf")
        await self._publish(topics.UPLOADED, identity.image_id(BUCKET, key), removal_of(key))
        self._rest(key)

    async def _decide(self) -> None:
        """On what the moderator saw, which may have been overwritten since."""
        if not self.world.moderator.seen:
            return await self._event()
        image_id = self._dice.choice(list(self.world.moderator.seen))
        action = self._dice.choice(("approve", "approve", "reject", "correct", "revoke"))
        labels = self._dice.sample(LABELS, self._dice.randint(0, 2)) if action == "correct" else None
        said = {"image_id": image_id, "action": action, "labels": labels, "decided_by": "soak"}
        said |= {"decided_at": datetime.now(UTC).isoformat(), "event_id": self._name("decision")}
        said |= {"content_digest": self.world.moderator.seen[image_id]}
        await self._publish(topics.DECISIONS, image_id, json.dumps(said).encode())
        return None

    async def _broken(self) -> None:
        await self._bad_put("broken", b"broken " + self._dice.randbytes(60))

    async def _large(self) -> None:
        await self._bad_put("large", bytes(LARGEST) + self._dice.randbytes(8))

    async def _bad_put(self, name: str, data: bytes) -> None:
        keys = [f"bad/{name}-{number}.jpg" for number in range(20)]
        key = self._dice.choice(
            [key for key in keys if self._is_free(key)] or [f"bad/{uuid.uuid4().hex}.jpg"]
        )
        self._resting[key] = float("inf")
        await self.world.storage.put(key, data)
        self._rest(key)

    async def _malformed(self) -> None:
        value = self._dice.choice((b'{"location": 5', b"\xff\xfe", b"[]", b'{"uploaded_at": "yesterday"}'))
        await self._publish(topics.UPLOADED, self._name("malformed"), value)

    async def _missing(self) -> None:
        await self._say(f"bad/{self._name('missing')}.jpg", datetime.now(UTC))

    async def _foreign(self) -> None:
        await self._say(f"bad/{self._name('foreign')}.jpg", datetime.now(UTC), bucket="secrets")

    async def _unknown(self) -> None:
        said = {"image_id": self._name("unknown"), "action": "approve", "decided_by": "soak"}
        said |= {"decided_at": datetime.now(UTC).isoformat()}
        await self._publish(topics.DECISIONS, said["image_id"], json.dumps(said).encode())

    async def _nonsense(self) -> None:
        await self._publish(topics.DECISIONS, self._name("nonsense"), b'{"action": "perhaps"}')

    async def _say(
        self, key: str, moment: datetime, *, etag: str | None = None, bucket: str = BUCKET
    ) -> None:
        said = {
            "event_id": self._name("event"),
            "uploaded_at": moment.isoformat(),
            "location": {"bucket": bucket, "key": key, "etag": etag},
            "restaurant_id": restaurant(key),
        }
        await self._publish(topics.UPLOADED, identity.image_id(bucket, key), json.dumps(said).encode())

    async def _publish(self, topic: str, key: str, value: bytes) -> None:
        await self.world.outbox.publish(topic, key, value)
        self._said = [*self._said[-MEMORY:], (topic, key, value)]

    def _free(self, wanted: Callable[[Photograph], bool]) -> str:
        """A key that nobody touches just now; a wanted one where there is one."""
        free = [key for key in _keys() if self._is_free(key)]
        best = [key for key in free if wanted(self.world.ledger.at(key))]
        return self._dice.choice(best or free or [f"r1/more-{uuid.uuid4().hex}.jpg"])

    def _is_free(self, key: str) -> bool:
        return self._resting.get(key, 0.0) < time.monotonic()

    def _rest(self, key: str) -> None:
        self._resting[key] = time.monotonic() + REST

    def _name(self, what: str) -> str:
        return f"{what}-{self._dice.getrandbits(64):016x}"


def removal_of(key: str) -> bytes:
    """A producer's word that the image is gone, as of now."""
    location = {"bucket": BUCKET, "key": key}
    said = {"type": "ImageRemoved", "location": location, "removed_at": datetime.now(UTC).isoformat()}
    return json.dumps(said).encode()


def upload_of(key: str) -> bytes:
    """A producer's word that a photograph stands at `key`, as of now."""
    location = {"bucket": BUCKET, "key": key}
    said = {"location": location, "uploaded_at": datetime.now(UTC).isoformat()}
    return json.dumps(said | {"restaurant_id": restaurant(key)}).encode()


def restaurant(key: str) -> str | None:
    """Whose the photograph at `key` is, as the workers' key pattern says too."""
    owner, slash, _ = key.partition("/")
    return owner if slash and owner.startswith("r") else None


def _keys() -> list[str]:
    """Of six restaurants, and of nobody."""
    folders = [f"r{number}/" for number in range(6)] + ["street-"]
    return [f"{folders[number % 7]}{number:03}.jpg" for number in range(POOL)]


def _stands(photograph: Photograph) -> bool:
    return photograph.data is not None


async def _until(moment: float, ended: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(ended.wait(), max(0.0, moment - time.monotonic()))
    except TimeoutError:
        return
