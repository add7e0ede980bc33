"""Group coverage: which partitions a consumer group reads, and from where, beside what the broker has.

A consumer learns of added partitions, and of a topic that was made again, when its metadata is renewed
(`TAGSTREAM_KAFKA__METADATA_AGE`). Until then nobody reads them; here the broker itself is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import GroupCoordinatorNotAvailableError, IncompatibleBrokerVersion
from aiokafka.structs import TopicPartition

from schemas.errors import Unavailable
from streams.adapters.kafka.admin import TopicAdmin
from streams.adapters.kafka.connection import KafkaAddress, KafkaConnection
from streams.adapters.kafka.consumer import asking, groupless
from streams.adapters.kafka.diagnosis import starting

log = structlog.get_logger(__name__)

_SECONDS: Final = 5.0
"""For one question."""
_STABLE: Final = "Stable"


@dataclass(frozen=True, slots=True)
class Coverage:
    """What of the topics nobody reads: nothing where all is read, or where the broker does not say."""

    missing: tuple[str, ...] = ()
    """Topics that the broker does not have."""
    unread: tuple[TopicPartition, ...] = ()
    """Partitions that no member of a group has, though it has members and is at rest."""

    ids: Mapping[str, bytes] = field(default_factory=dict)
    """By the name of each topic, as far as the broker has ids."""

    def words(self) -> str | None:
        """What is wrong, for people; None where nothing is."""
        said = [f"there is no topic {name}" for name in self.missing]
        if self.unread:
            named = ", ".join(f"{tp.topic}/{tp.partition}" for tp in self.unread)
            said.append(f"nobody in the group reads {named}")
        return "; ".join(said) or None


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a group is with a partition, beside what the log still has."""

    topic: str
    partition: int
    beginning: int
    end: int
    committed: int | None
    """None where the group has committed nothing there."""

    @property
    def gone(self) -> int:
        """Offsets below the log's beginning that the group has not committed."""
        return max(0, self.beginning - (self.committed or 0))

    @property
    def is_beyond(self) -> bool:
        """Whether what was committed is of another topic of that name, or of a log that was cut."""
        return self.committed is not None and self.committed > self.end


async def coverage(address: KafkaAddress, group: str, names: Collection[str]) -> Coverage:
    """What nobody of the group reads; raises `Unavailable`."""
    async with TopicAdmin(address, seconds=_SECONDS) as admin:
        there = await admin.identities(names)
    missing = tuple(name for name in names if name not in there)
    ids = {name: each.topic_id for name, each in there.items() if each.topic_id}
    taken = await _assigned(address, group)
    if taken is None:
        return Coverage(missing, ids=ids)
    every = (TopicPartition(name, number) for name, each in there.items() for number in each.partitions)
    return Coverage(missing, tuple(tp for tp in every if tp not in taken), ids)


async def standings(address: KafkaAddress, group: str, names: Collection[str]) -> tuple[Standing, ...]:
    """Every partition of the topics that are there; raises `Unavailable`."""
    async with TopicAdmin(address, seconds=_SECONDS) as admin:
        found = await admin.topics(names)
    async with groupless(address, seconds=_SECONDS, offsets_of=group) as consumer:
        every = [TopicPartition(state.name, number) for state in found for number in state.ends]
        consumer.assign(every)
        consumer.pause(*every)
        async with asking("what is committed", seconds=_SECONDS):
            committed: Mapping[TopicPartition, int | None] = {
                tp: await consumer.committed(tp) for tp in every
            }
    return tuple(
        Standing(state.name, number, state.beginnings[number], end, committed[state.name, number])  # type: ignore[index] # a tuple is as good
        for state in found
        for number, end in state.ends.items()
    )


async def _assigned(address: KafkaAddress, group: str) -> frozenset[TopicPartition] | None:
    """What the members have; None without members, during a rebalance, and where the broker does not say."""
    admin: Any = AIOKafkaAdminClient(
        **KafkaConnection.to(address).options, request_timeout_ms=int(_SECONDS * 1000)
    )
    try:
        async with starting(address, seconds=_SECONDS):
            await admin.start()
        async with asking("its groups", seconds=_SECONDS):
            (reply,) = await admin.describe_consumer_groups([group])
    except Unavailable as error:
        if isinstance(error.__cause__, IncompatibleBrokerVersion | GroupCoordinatorNotAvailableError):
            return None  # the embedded broker, or one that no group has ever used
        raise
    finally:
        await admin.close()
    ((_, _, state, _, _, members, *_),) = reply.groups
    if state != _STABLE or not members:
        return None
    decode = ConsumerProtocolMemberAssignment.decode
    return frozenset(tp for member in members for tp in decode(member[4]).partitions())


class CoverageWatch:
    """Asks now and then, and remembers what was wrong, and which topic of its name each is.

    aiokafka goes by names. Of a topic that was deleted and made again between two of its looks it would
    read on in the middle of the new one, so `reread` is called then.
    """

    def __init__(self, address: KafkaAddress, group: str, names: Collection[str], *, every: float) -> None:
        self._ask = (address, group, tuple(names))
        self._every = every
        self._found = Coverage()
        self._ids: dict[str, bytes] = {}
        self._made_again: set[str] = set()

    def complaint(self) -> str | None:
        """What was wrong when the broker was asked last."""
        return self._found.words()

    async def made_again(self) -> frozenset[str]:
        """The topics that were deleted and made again since this was asked before."""
        address, _, names = self._ask
        try:
            async with asyncio.timeout(_SECONDS), TopicAdmin(address, seconds=_SECONDS) as admin:
                there = await admin.identities(names)
        except (Unavailable, TimeoutError):
            return frozenset()  # they are still in mind the next time
        self._compare({name: each.topic_id for name, each in there.items() if each.topic_id})
        found = frozenset(self._made_again)
        self._made_again.clear()
        return found

    async def run(self, reread: Callable[[], Awaitable[None]]) -> None:
        """Until cancelled; a broker that is away is for others to tell."""
        while True:
            with suppress(Unavailable):
                found = await coverage(*self._ask)
                self._tell(found)
                self._compare(found.ids)
                if self._made_again:
                    await reread()
            await asyncio.sleep(self._every)

    def _tell(self, found: Coverage) -> None:
        words = found.words()
        if words and words != self._found.words():
            log.warning("partitions.unread", cause=words)
        self._found = found

    def _compare(self, ids: Mapping[str, bytes]) -> None:
        self._made_again |= {topic for topic, is_now in ids.items() if self._ids.get(topic, is_now) != is_now}
        self._ids |= ids
