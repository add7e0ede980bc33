"""A small soak in memory: the product's own pipeline, and what its topics and its store then hold."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from agents.dispatcher import Dispatcher
from agents.opened_components import Components
from agents.testing import FakeTagger
from agents.wiring.handlers import build_dispatcher
from schemas import topics
from schemas.events import Announcement, DeadLetter
from schemas.records import ImageHead
from streams.message import Message
from streams.resilience.retry import Dependencies
from tests.soak.account import Account, balance
from tests.soak.contents import RandomBytes
from tests.soak.evidence import Evidence
from tests.soak.ledger import Ledger
from tests.soak.oracle import NAMING, Oracle

from .straight_path import (
    EPOCH,
    IMPATIENT,
    World,
    decision_message,
    message_of,
    raw_message,
    s3_message,
    upload_of,
)

MENU, AMBIANCE, NOTHING = b"photograph 0", b"photograph 16", b"photograph 2"
"""Contents by what the fake tagger sees in them; the builders' own test holds them to it."""


class KeyedWorld(World):
    """Its workers read in the keys whose an image is."""

    def desk(self) -> Dispatcher:
        """See `World.desk`."""
        parts = Components(images=self.images, scores=self.scores, tags=self.tags, tagger=self.tagger)
        return build_dispatcher(
            parts, Dependencies(IMPATIENT), self.limits, metrics=self.metrics, naming=NAMING
        )


@dataclass
class SmallSoak:
    """Everything goes to the pipeline at once, and into the books."""

    world: World = field(default_factory=KeyedWorld)
    ledger: Ledger = field(default_factory=Ledger)
    published: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.world.tagger = FakeTagger()

    async def put(self, key: str, data: bytes, *, minute: int) -> Message:
        """Storage has it, and says so."""
        self.has(key, data, began=EPOCH + timedelta(minutes=minute))
        await self.world.images.put(upload_of(key).location.model_copy(update={"version": None}), data)
        return await self.deliver(self._notice("ObjectCreated:Put", key, minute))

    def has(self, key: str, data: bytes, *, began: datetime) -> None:
        """The books say that storage has it."""
        self.ledger.was_put(key, data, began=began)
        digest = self.ledger.at(key).digest
        assert digest is not None
        self.ledger.labels[digest] = RandomBytes().labels(data)

    async def remove(self, key: str, *, minute: int) -> Message:
        """Storage has it no more, and says so."""
        self.ledger.was_removed(key, began=EPOCH + timedelta(minutes=minute))
        return await self.deliver(self._notice("ObjectRemoved:Delete", key, minute))

    async def mix_up(self, key: str, *, minute: int) -> Message:
        """Storage names a key at which nobody ever put anything."""
        return await self.deliver(self._notice("ObjectCreated:Put", key, minute))

    async def say(self, key: str, *, minute: int) -> Message:
        """A producer says that it is there."""
        upload = upload_of(key, minute=minute, restaurant="r1")
        location = upload.location.model_copy(update={"version": None})
        return await self.deliver(message_of(upload.model_copy(update={"location": location})))

    async def spoil(self) -> Message:
        """A message that is nothing."""
        return await self.deliver(raw_message(b"{"))

    async def decide(self, image_id: str, action: str, *, minute: float) -> Message:
        """A moderator's word, on the bytes that stand."""
        message = decision_message(image_id, action, minute=minute)
        digest = (await self.head(image_id)).content
        assert digest is not None
        value = (message.value or b"").replace(b"{", b'{"content_digest": "%s", ' % digest.digest.encode(), 1)
        return await self.deliver(replace(message, value=value))

    async def deliver(self, message: Message) -> Message:
        """To its topic, and to a worker."""
        placed = replace(message, offset=len(self.published), timestamp=datetime.now(UTC))
        self.published.append(placed)
        await self.world.deliver(placed)
        return placed

    async def head(self, image_id: str) -> ImageHead:
        head = await self.world.scores.head(image_id)
        assert head is not None
        return head

    async def evidence(self) -> Evidence:
        """What there is now."""
        heads = {head.image_id: head for head in await self.world.scores.scan()}
        said = [_event(each, place) for place, each in enumerate(self.world.tags.announced)]
        said += [_letter(each, place) for place, each in enumerate(self.world.tags.buried)]
        said += self.published
        return Evidence(
            messages={topic: tuple(each for each in said if each.topic == topic) for topic in topics.ALL},
            heads=heads,
            records={image_id: await self.world.scores.records(image_id) for image_id in heads},
        )

    def account(self, evidence: Evidence) -> Account:
        """The account of `evidence`."""
        return balance(Oracle(self.ledger).expect(self.published), evidence)

    def _notice(self, event: str, key: str, minute: int) -> Message:
        notice = s3_message(event, key, minute=minute, sequencer=f"{minute + 16:X}")
        etag = f"etag-{minute + 16:X}".encode()
        said = (self.ledger.at(key).etag or "").encode()
        return replace(notice, value=(notice.value or b"").replace(etag, said))


def _event(said: Announcement, offset: int) -> Message:
    value = said.event.model_dump_json().encode() if said.event else None
    return Message(said.topic, 0, offset, key=said.key.encode(), value=value)


def _letter(letter: DeadLetter, offset: int) -> Message:
    headers = tuple(letter.causes.items())
    return Message(letter.topic, 0, offset, key=letter.key, value=letter.value, headers=headers)


async def busy() -> SmallSoak:
    """Photographs put, overwritten, removed, said twice, decided on; a bad one, too."""
    soak = SmallSoak()
    await soak.put("r1/a.jpg", MENU, minute=1)
    await soak.put("r1/b.jpg", AMBIANCE, minute=1)
    await soak.say("r1/b.jpg", minute=2)
    await soak.put("r1/a.jpg", AMBIANCE, minute=3)
    await soak.put("r1/c.jpg", MENU, minute=3)
    await soak.remove("r1/c.jpg", minute=4)
    await soak.put("r1/d.jpg", MENU, minute=4)
    await soak.decide(upload_of("r1/d.jpg").image_id, "approve", minute=5)
    await soak.put("street.jpg", NOTHING, minute=5)
    await soak.deliver(soak.published[2])
    await soak.spoil()
    return soak
