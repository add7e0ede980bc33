"""What a run in which nothing goes wrong leaves: the same messages, at the same places, all in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from agents.opened_components import Components
from agents.telemetry.metrics import Metrics
from agents.testing import FakeTagger
from agents.wiring.handlers import DispatcherLimits, build_dispatcher
from deploy.stack.stack import BUCKET
from schemas import topics
from schemas.uploads import Location
from streams.adapters.limits import Limits
from streams.adapters.memory import MemoryImages, MemoryScores, MemoryTags
from streams.message import Message
from streams.ports import STORE
from streams.resilience.retry import Backoff, Dependencies
from tests.e2e.accounts import UNREPEATABLE, Outcome
from tests.e2e.traffic import Planned, Sent

LIMITS = Limits(buckets=(BUCKET,), max_object_bytes=2**20)


def messages_of(planned: Iterable[Planned], sent: Iterable[Sent]) -> list[Message]:
    """What was published, as it comes off the wire again."""
    return [
        Message(topics.UPLOADED, each.partition, each.offset, key, value)
        for (key, value, _, _), each in zip(planned, sent, strict=True)
    ]


async def unfaulted(messages: Iterable[Message], photographs: Mapping[str, bytes]) -> Outcome:
    """What the messages leave when they are worked on one after another, once each."""
    images, scores, tags = MemoryImages(LIMITS), MemoryScores(), MemoryTags()
    for key, data in photographs.items():
        await images.put(Location(bucket=BUCKET, key=key), data)
    parts = Components(images=images, scores=scores, tags=tags, tagger=FakeTagger())
    desk = build_dispatcher(parts, Dependencies(Backoff()), DispatcherLimits(), metrics=Metrics())
    for message in messages:
        await desk.handle(message).work()
    heads = await scores.scan(limit=10_000)
    event_ids: dict[tuple[str, str], set[str]] = defaultdict(set)
    for said in tags.announced:
        if said.event:
            event_ids[said.topic, said.event.image_id].add(said.event.event_id)
    for each in await scores.statements(limit=100_000):
        event_ids[STORE, each.image_id].add(each.puid)
    return Outcome(
        heads={head.image_id: head.model_dump(exclude=UNREPEATABLE) for head in heads},
        records={
            head.image_id: [
                record.model_dump(exclude=UNREPEATABLE) for record in await scores.records(head.image_id)
            ]
            for head in heads
        },
        event_ids={place: frozenset(ids) for place, ids in event_ids.items()},
        letters=frozenset((letter.source[1], letter.source[2], letter.code) for letter in tags.buried),
    )


def only(outcome: Outcome, images: Collection[str], places: Collection[tuple[int, int]]) -> Outcome:
    """What the outcome says of these images, and of the messages at these places."""
    return Outcome(
        heads={image: head for image, head in outcome.heads.items() if image in images},
        records={image: history for image, history in outcome.records.items() if image in images},
        event_ids={place: ids for place, ids in outcome.event_ids.items() if place[1] in images},
        letters=frozenset(letter for letter in outcome.letters if letter[:2] in places),
    )
