"""Dataset from decisions: what moderators decided of the current bytes, as labelled photographs.

- `correct` names all true labels; with none of them the photograph is a negative.
- `approve` says that the tags which hold are right: it answers what was asked, which was the routes of those
  tags. Nobody looked for the model's other labels, so they are maybes. Where none holds, or where a model has
  spoken since, nothing is known.
- Labels that a moderator was unsure of are maybes, too.
- `reject` says that it is not to be shown, and nothing of what it shows, unless it names labels.
- `revoke` takes the word before back.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from agents import bounded_times, moderation_policy
from agents.bounded_times import NEVER, ClockLimits
from agents.wiring.backends import kafka_connection
from agents.wiring.settings import Settings
from agents.wiring.stores import blamed
from model.data import labels
from model.data.entries import Entries, Entry, Refusal, RefusalCause
from model.data.gather import gather_bounded
from model.data.photograph import Photograph
from model.data.progress import Tick, silent
from operations import bulk_fetch, store
from schemas import topics, wire
from schemas.decisions import Decided, Decision, ModerationDecided
from schemas.errors import ConfigurationError, Rejected
from schemas.records import ImageHead, State
from streams.adapters.kafka.reader import NoTopic, TopicReader
from streams.message import Message
from streams.ports import ImageStore, ScoreStore

BATCH: Final = 200
"""Heads that are read at once."""


_UNSEEN: Final = "approved, but of another model's tags: those that hold now were made later"


@dataclass(frozen=True, slots=True)
class Stores:
    """Where heads and photographs are."""

    scores: ScoreStore
    images: ImageStore


async def gather(settings: Settings, *, into: Path, tick: Tick = silent) -> Entries:
    """The photographs of all decisions on the topic, their bytes as files in `into`.

    Raises `ConfigurationError` where nobody has decided anything yet, and `Unavailable`.
    """
    try:
        async with TopicReader(kafka_connection(settings), topics.DECISIONS) as reader:
            spoken, spoiled = await read(reader.read(), clock=settings.clock)
    except NoTopic as error:
        raise ConfigurationError(f"{error}: nobody has decided anything yet") from error
    if not spoken and not spoiled:
        raise ConfigurationError(f"nobody has decided anything yet: {topics.DECISIONS} is empty")
    async with _stores(settings) as stores:
        gathered = await labelled(spoken, stores, into=into, tick=tick)
    return Entries(refused=tuple(spoiled)).joined(gathered)


@asynccontextmanager
async def _stores(settings: Settings) -> AsyncIterator[Stores]:
    if not store.is_here(settings.store):
        raise ConfigurationError(f"{blamed(settings.store)}: there is no store at {settings.store.path}")
    async with store.open_store(settings.store) as scores, bulk_fetch.storage(settings) as images:
        yield Stores(scores, images)


async def read(
    messages: AsyncIterable[Message], *, clock: ClockLimits
) -> tuple[dict[str, list[Decision]], list[Refusal]]:
    """The decisions on each image, by its id, and what a worker takes for none."""
    spoken: dict[str, list[Decision]] = {}
    spoiled: list[Refusal] = []
    async for message in messages:
        event = wire.decode_decision(message.value, dict(message.headers))
        refused = event.error if isinstance(event, wire.Invalid) else _ahead(event, message, clock)
        if isinstance(event, wire.Invalid) or refused:
            place = f"{message.topic}[{message.partition}]@{message.offset}"
            spoiled.append(Refusal(place, RefusalCause.NOT_DECIDED, str(refused)))
            continue
        decision = Decision.of(event, message.partition, message.offset)
        spoken.setdefault(event.image_id, []).append(decision)
    return spoken, spoiled


def _ahead(event: ModerationDecided, message: Message, clock: ClockLimits) -> Rejected | None:
    now = datetime.now(UTC)
    return bounded_times.refusal("decided_at", event.decided_at, message, now=now, limits=clock)


async def labelled(
    spoken: Mapping[str, Sequence[Decision]], stores: Stores, *, into: Path, tick: Tick = silent
) -> Entries:
    """The photographs that were decided on, with the labels that the decisions give them."""
    answers: list[Entry | Refusal] = []

    async def one(item: tuple[str, ImageHead | None]) -> None:
        answers.append(await _answer(item[0], item[1], spoken[item[0]], stores=stores, into=into))
        tick("fetching what was decided on", len(answers), len(spoken))

    ids = sorted(spoken)
    for start in range(0, len(ids), BATCH):
        heads = await stores.scores.heads(ids[start : start + BATCH])
        items = [(image_id, heads.get(image_id)) for image_id in ids[start : start + BATCH]]
        await gather_bounded(items, one, at_once=bulk_fetch.AT_ONCE)
    return Entries.of(answers)


async def _answer(
    image_id: str, head: ImageHead | None, decisions: Sequence[Decision], *, stores: Stores, into: Path
) -> Entry | Refusal:
    if head is None:
        return Refusal(image_id, RefusalCause.NOT_DECIDED, "the store does not know the image")
    place = str(head.location)
    head = _heard(head, decisions)
    word = moderation_policy.last_word(head) or head.all_decisions[-1]
    spoken = _spoken(head, word) if await _has_seen(head, word, stores.scores) else _UNSEEN
    if isinstance(spoken, str):
        return Refusal(place, RefusalCause.NOT_DECIDED, spoken)
    try:
        held, maybe = (tuple(labels.checked(label, where=place) for label in each) for each in spoken)
    except ConfigurationError as error:  # a slip of one moderator must not end the import of all
        return Refusal(place, RefusalCause.NOT_DECIDED, str(error))
    try:
        fetched = await bulk_fetch.fetch(stores.images, head.location)
    except Rejected as error:
        return Refusal(place, RefusalCause.MISSING, str(error))
    if word.content_digest and sha256(fetched.data).hexdigest() != word.content_digest:
        return Refusal(
            place, RefusalCause.NOT_DECIDED, "other bytes stand there than those that were decided on"
        )
    file = await asyncio.to_thread(bulk_fetch.keep, fetched.data, place, into=into)
    photo = Photograph(file, held, source=head.restaurant_id or "", maybe=maybe)
    return Entry(photo, place, by_person=True)


async def _has_seen(head: ImageHead, word: Decision, scores: ScoreStore) -> bool:
    """Whether whoever approved of the tags can have seen them: another model may have spoken since."""
    if word.action is not Decided.APPROVE or word.labels is not None or head.scores is None:
        return True
    records = await scores.records(head.image_id)
    made = [each.scored_at for each in records if each.scores.model == head.scores.model]
    return not made or min(made) <= word.decided_at


def _heard(head: ImageHead, decisions: Sequence[Decision]) -> ImageHead:
    """`head` with the decisions that it has not heard of yet, or does not remember."""
    for decision in sorted(decisions, key=lambda each: each.rank):
        head = moderation_policy.heard(head, decision, horizon=NEVER)
    return head


def _spoken(head: ImageHead, word: Decision) -> tuple[Sequence[str], Sequence[str]] | str:
    """The labels that hold and those in doubt, or in words why there are none to be had."""
    if head.state is State.DELETED:
        return "the photograph was removed since"
    if word.action is Decided.REVOKE:
        return "the decision was revoked"
    if moderation_policy.is_of_other_bytes(head, word):
        return "another photograph stands there since"
    if word.labels is not None:
        return word.labels, word.unsure or ()
    if word.action is Decided.REJECT:
        return "rejected without labels: it is not to be shown, whatever it shows"
    return _approved(head, word) or "approved, and no tag holds of it: what it shows is not known"


def _approved(head: ImageHead, word: Decision) -> tuple[Sequence[str], Sequence[str]] | None:
    """The tags that hold, and the labels that nobody was asked about or sure of; None where no tag holds."""
    unsure = word.unsure or ()
    held = [label for label in (head.verdict.tagged if head.verdict else ()) if label not in unsure]
    unasked = head.scores.probabilities if head.scores else ()
    maybe = [label for label in dict.fromkeys((*unsure, *unasked)) if label not in held]
    return (held, maybe) if held else None
