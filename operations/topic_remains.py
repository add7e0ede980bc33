"""What the topics still hold of an erased image, and until when, by the broker's own configuration.

Kafka deletes whole segments: a record is gone once the newest record of its segment is older than
`retention.ms`, and a segment is written to for `segment.ms` at most. A compacted topic drops what a tombstone
outranks when its cleaner has passed, which `max.compaction.lag.ms` bounds, and the tombstone itself
`delete.retention.ms` later. A broker that says nothing of itself (the embedded one) is taken at its word.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from schemas import topics
from schemas.tags import Value
from schemas.uploads import Moment
from streams.adapters.kafka.admin import TopicAdmin
from streams.adapters.kafka.connection import KafkaAddress
from streams.adapters.kafka.reader import NoTopic, TopicReader
from streams.adapters.kafka.topic_state import TopicState

HOLDS: Final = {
    topics.UPLOADED: "uploads as they were sent: the object's key, the uploader, attributes",
    topics.DECISIONS: "decisions: who decided, and the comment",
    topics.RESCORE: "replay requests: the object's key and the uploader",
    topics.RETRY: "uploads that are tried again, as they were sent",
    topics.DEAD_LETTERS: "refused messages, as they were sent",
    topics.PARKING: "parked messages, as they were sent",
    topics.TAGGED: "tags with the object's key and the restaurant",
    topics.LATEST: "tags with the object's key and the restaurant, until the tombstone has been compacted in",
    topics.MODERATION: "requests to look at the image, with the object's key; `removed` is published",
    topics.COMPARED: "tags of two versions with the object's key and the restaurant",
    topics.STATEMENTS: "statements of reasons, with the image's id and its bytes' digest",
}
_COLLECTION: Final = "collection changes with the object's key; `removed` is published"

_UNBOUNDED: Final = 10**15
"""Milliseconds from which on a setting means never; Kafka's own default is 2**63 - 1."""

_SILENT: Final = (
    "the broker says nothing of retention: the embedded one keeps records in memory, about 5 MB a partition, "
    "and all are gone when it stops; on another one the login may not describe topics"
)


class TopicRemains(Value):
    """One topic, and what it may still hold."""

    topic: str
    holds: str
    records: int
    """Offsets from the oldest record to the end, of all images."""
    oldest: Moment | None = None
    """When the oldest record was written; None where there is none, or the broker does not say."""
    until: Moment | None = None
    """When all that was written before is gone at the latest; None where nothing bounds it."""
    why: str


async def find(brokers: KafkaAddress, published: Iterable[str], *, at: datetime) -> tuple[TopicRemains, ...]:
    """What each topic that is there may still hold of what was erased at that moment."""
    names = dict.fromkeys((*topics.ALL, topics.STATEMENTS, *sorted(published)))
    async with TopicAdmin(brokers) as admin:
        states = {state.name: state for state in await admin.topics(tuple(names))}
    found = [(states[name], await _oldest(brokers, name)) for name in names if name in states]
    return tuple(remains(state, oldest, at=at) for state, oldest in found)


def remains(state: TopicState, oldest: datetime | None, *, at: datetime) -> TopicRemains:
    """What the topic may still hold of what was erased at that moment. Pure."""
    until, why = (None, _SILENT) if state.config is None else _bound(state.config, at)
    return TopicRemains(
        topic=state.name,
        holds=HOLDS.get(state.name, _COLLECTION),
        records=state.records,
        oldest=oldest,
        until=until if state.records else at,
        why=why if state.records else "it is empty",
    )


def _bound(config: Mapping[str, str], at: datetime) -> tuple[datetime | None, str]:
    policy = config.get("cleanup.policy", "delete")
    bounds = [_deleted(config)] if "delete" in policy else []
    bounds += [_compacted(config)] if "compact" in policy else []
    known = [(time, why) for time, why in bounds if time is not None]
    if known:
        time, why = min(known)
        return at + time, why
    return None, "; ".join(why for _, why in bounds)


def _deleted(config: Mapping[str, str]) -> tuple[timedelta | None, str]:
    kept, segment = _time(config, "retention.ms"), _time(config, "segment.ms")
    if kept is None or segment is None:
        return None, "kept for ever: set retention.ms, or delete the records (kafka-delete-records.sh)"
    why = f"retention.ms {_words(kept)}, and at most segment.ms {_words(segment)} until a segment is closed"
    return kept + segment, why


def _compacted(config: Mapping[str, str]) -> tuple[timedelta | None, str]:
    lag, tombstone = _time(config, "max.compaction.lag.ms"), _time(config, "delete.retention.ms")
    stays = f"; the tombstone stays delete.retention.ms {_words(tombstone)} more" if tombstone else ""
    if lag is None:
        ratio = config.get("min.cleanable.dirty.ratio", "0.5")
        why = f"when the cleaner passes, at a dirty ratio of {ratio}: set max.compaction.lag.ms for a bound"
        return None, why + stays
    return lag, f"compacted within max.compaction.lag.ms {_words(lag)}{stays}"


def _time(config: Mapping[str, str], name: str) -> timedelta | None:
    """None where it is not said, or means never."""
    milliseconds = int(config.get(name, "-1"))
    return timedelta(milliseconds=milliseconds) if 0 <= milliseconds < _UNBOUNDED else None


def _words(time: timedelta) -> str:
    days, seconds = time.days, time.seconds + time.microseconds / 1e6
    if days:
        return f"{days:g} d" + (f" {seconds / 3600:.2g} h" if seconds else "")
    return f"{seconds / 3600:.3g} h" if seconds >= 3600 else f"{seconds:g} s"  # noqa: PLR2004 - an hour


async def _oldest(brokers: KafkaAddress, topic: str) -> datetime | None:
    """When the oldest record of all partitions was written."""
    try:
        async with TopicReader(brokers, topic) as reader:
            begin, ends = await reader.beginnings(), await reader.ends()
            first = {number: min(offset + 1, ends[number]) for number, offset in begin.items()}
            times = [message.timestamp async for message in reader.read(begin, first)]
    except NoTopic:
        return None
    return min((time for time in times if time), default=None)
