"""Topic administration: which topics a broker has, and that ours are there.

The embedded broker has no controller, so nothing can be created on it and no configuration be asked
for: there a topic comes to be when somebody first asks about it. `apply` does that, and says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Self

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import IncompatibleBrokerVersion, TopicAlreadyExistsError, for_code
from aiokafka.structs import TopicPartition

from schemas.errors import ConfigurationError, Unavailable
from streams.adapters.kafka.connection import KafkaAddress, KafkaConnection
from streams.adapters.kafka.consumer import asking, groupless, mapped
from streams.adapters.kafka.diagnosis import starting
from streams.adapters.kafka.topic_ids import TopicIdentity, identities
from streams.adapters.kafka.topic_state import Applied, Declared, TopicOutcome, TopicState, compared, declared

__all__ = ["Applied", "Declared", "TopicAdmin", "TopicOutcome", "TopicState", "declared"]

SECONDS: Final = 30.0
"""For one question; beyond it the broker is `Unavailable`."""

CREATE_SECONDS: Final = 5.0
"""For the creation of topics; a broker that leaves it unanswered for as long makes them by first use."""


class TopicAdmin:
    """Asks about topics and creates them; never changes or deletes one."""

    def __init__(self, bootstrap: KafkaAddress, *, seconds: float = SECONDS) -> None:
        self._bootstrap = bootstrap
        self._seconds = seconds
        self._admin: Any = None  # aiokafka's methods are hardly annotated

    async def __aenter__(self) -> Self:
        milliseconds = int(self._seconds * 1000)
        options = KafkaConnection.to(self._bootstrap).options
        self._admin = AIOKafkaAdminClient(**options, request_timeout_ms=milliseconds)
        try:
            async with starting(self._bootstrap, seconds=self._seconds):
                await self._admin.start()
        except BaseException:
            await self._admin.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._admin.close()

    async def partitions(self, topic: str) -> tuple[int, ...]:
        """The numbers of the topic's partitions; none where there is no such topic. Creates nothing."""
        found = [each["partitions"] for each in await self._described() if each["topic"] == topic]
        return tuple(sorted(part["partition"] for parts in found for part in parts))

    async def identities(self, names: Collection[str]) -> dict[str, TopicIdentity]:
        """Which topic of its name each is that is there; of an old broker all that it has, without ids."""
        async with self._asking():
            found = await identities(self._admin._client, names)  # noqa: SLF001 - private; aiokafka is pinned
        if found is not None:
            return found
        there = {each["topic"]: each["partitions"] for each in await self._described()}
        return {
            name: TopicIdentity(b"", tuple(sorted(part["partition"] for part in there[name])))
            for name in there.keys() & set(names)
        }

    async def topics(self, names: Collection[str] | None = None) -> tuple[TopicState, ...]:
        """The topics of that name that are there, or all but the broker's own, by name."""
        found = {each["topic"]: each for each in await self._described() if not each["is_internal"]}
        wanted = sorted(found if names is None else found.keys() & set(names))
        configs = await self._configs(wanted)
        beginnings, ends = await self._spans(found[name] for name in wanted)
        return tuple(
            TopicState(
                name=name,
                beginnings=beginnings[name],
                ends=ends[name],
                replication=min(len(each["replicas"]) for each in found[name]["partitions"]),
                config=configs.get(name),
            )
            for name in wanted
        )

    async def apply(self, wanted: Sequence[Declared]) -> tuple[Applied, ...]:
        """Create what is missing of `wanted`; what is there stays as it is. Safe to run again.

        Raises:
            ConfigurationError: the broker cannot have such a topic (more replicas than brokers).
            Unavailable: the broker does not answer.
        """
        if not await self._has_controller():
            return await self._use(wanted, why="the broker has no controller, so it makes topics its own way")
        there = {state.name: state for state in await self.topics([each.name for each in wanted])}
        missing = [each for each in wanted if each.name not in there]
        made = await self._create(missing) if missing else ()
        applied = {each.topic.name: each for each in made}
        return tuple(applied.get(each.name) or compared(each, there[each.name]) for each in wanted)

    async def _create(self, missing: Sequence[Declared]) -> tuple[Applied, ...]:
        asked = [
            NewTopic(  # type: ignore[no-untyped-call]
                each.name, each.partitions, each.replication, topic_configs=dict(each.config)
            )
            for each in missing
        ]
        try:
            with mapped("the creation of topics"):
                async with asyncio.timeout(CREATE_SECONDS):
                    answer = await self._admin.create_topics(asked, timeout_ms=int(CREATE_SECONDS * 1000))
        except Unavailable as error:
            if isinstance(error.__cause__, TimeoutError):
                return await self._use(missing, why="the broker does not answer to the creation of topics")
            raise
        return _created(missing, answer.topic_errors)

    async def _use(self, wanted: Sequence[Declared], *, why: str) -> tuple[Applied, ...]:
        """Ask about the topics, which makes them where the broker makes topics by first use."""
        async with self._asking():
            described = await self._admin.describe_topics([each.name for each in wanted])
        for each in described:
            if each["error_code"]:
                raise Unavailable("broker", f"{each['topic']}: {for_code(each['error_code']).__name__}")
        return tuple(Applied(each, TopicOutcome.FIRST_USE, why) for each in wanted)

    async def _has_controller(self) -> bool:
        async with self._asking():
            cluster = await self._admin.describe_cluster()
        return cluster["controller_id"] in {each["node_id"] for each in cluster["brokers"]}

    async def _described(self) -> list[Any]:
        async with self._asking():
            described: list[Any] = await self._admin.describe_topics()
        return [each for each in described if each["partitions"]]

    async def _configs(self, names: Sequence[str]) -> dict[str, dict[str, str]]:
        """By topic; empty where the broker does not say."""
        resource: Any = ConfigResource
        asked = [resource(ConfigResourceType.TOPIC, name) for name in names]
        if not asked:
            return {}
        try:
            async with self._asking():
                replies = await self._admin.describe_configs(asked)
        except Unavailable as error:
            if isinstance(error.__cause__, IncompatibleBrokerVersion):
                return {}
            raise
        return {
            name: {entry[0]: entry[1] for entry in entries}
            for reply in replies
            for code, _, _, name, entries in reply.resources
            if not code
        }

    async def _spans(self, described: Iterable[Any]) -> tuple[_Spans, _Spans]:
        """The beginnings and the ends of the partitions."""
        every = [
            TopicPartition(each["topic"], part["partition"])
            for each in described
            for part in each["partitions"]
        ]
        if not every:
            return {}, {}
        async with groupless(self._bootstrap, seconds=self._seconds) as consumer, self._asking():
            # So that it looks all topics up at once: asked about one that it does not know it waits 0.1 s.
            consumer.assign(every)
            consumer.pause(*every)  # nothing is to be read
            beginnings, ends = await consumer.beginning_offsets(every), await consumer.end_offsets(every)
        return _by_topic(beginnings), _by_topic(ends)

    def _asking(self) -> AbstractAsyncContextManager[None]:
        return asking("its topics", seconds=self._seconds)


_Spans = dict[str, dict[int, int]]


def _by_topic(offsets: Mapping[TopicPartition, int]) -> _Spans:
    found: _Spans = {}
    for tp, offset in sorted(offsets.items()):
        found.setdefault(tp.topic, {})[tp.partition] = offset
    return found


def _created(missing: Iterable[Declared], answers: Iterable[Any]) -> tuple[Applied, ...]:
    by_name = {each.name: each for each in missing}
    return tuple(_answered(by_name[name], code, message) for name, code, message, *_ in answers)


def _answered(topic: Declared, code: int, message: str | None) -> Applied:
    if not code:
        return Applied(topic, TopicOutcome.CREATED)
    error = for_code(code)
    if error is TopicAlreadyExistsError:
        return Applied(topic, TopicOutcome.THERE, "somebody else created it meanwhile")
    refusal = f"{topic.name} cannot be created: {message or error.__name__}"
    raise Unavailable("broker", refusal) if error.retriable else ConfigurationError(refusal)
