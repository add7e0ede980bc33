"""The topics at a broker: which ones there are, and those that are missing made."""

from __future__ import annotations

from collections.abc import Mapping

from schemas import topics
from streams.adapters.kafka.admin import TopicAdmin
from streams.adapters.kafka.connection import KafkaAddress
from streams.adapters.kafka.topic_state import Applied, Declared, TopicOutcome, TopicState, declared


def wanted(*, partitions: int, replication: int) -> tuple[Declared, ...]:
    """Every topic of Tagstream, the redrives' journal and the one that workers are told of models by too."""
    compact = {"cleanup.policy": "compact"}
    ours = (Declared(name, 1, replication, compact) for name in (topics.REDRIVEN, topics.CONTROL))
    return (*declared(partitions=partitions, replication=replication), *ours)


async def apply(brokers: KafkaAddress, *, partitions: int, replication: int) -> tuple[Applied, ...]:
    """Make what is missing."""
    async with TopicAdmin(brokers) as admin:
        return await admin.apply(wanted(partitions=partitions, replication=replication))


def is_wrong(applied: Applied) -> bool:
    """Whether the topic differs in what matters: how it was partitioned is whoever's choice made it."""
    return applied.outcome is TopicOutcome.DIFFERS and any(
        not difference.split()[1].startswith("partition") for difference in applied.why.split("; ")
    )


async def find(brokers: KafkaAddress, *, everything: bool) -> Mapping[str, TopicState | None]:
    """The topics by name; None for one of ours that is not there."""
    async with TopicAdmin(brokers) as admin:
        there = {state.name: state for state in await admin.topics(None if everything else topics.ALL)}
    return {name: there.get(name) for name in (*topics.ALL, *sorted(there.keys() - set(topics.ALL)))}
