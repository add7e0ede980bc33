"""Stream application: a Faust app whose offsets are the in-flight window's business, not Faust's.

Faust acknowledges events when an agent's body is done with them and loses those whose work fails
(ADR 2). So its streams run with `acks=False` and `noack()`, every event is admitted to an
`InFlight` window, and the offsets that the window releases are committed here. The order at each
edge of a worker's life is written once, in the method of that edge:

- start: resources are opened and the model is warm before the consumer joins its group;
- revocation: drain, commit, new epoch, while the partitions are still ours;
- stop (SIGTERM): close the window, drain, commit, and only then Faust's own shutdown;
- failure: nothing starts any more, nothing is committed past it, the process exits 1.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, AsyncExitStack, nullcontext
from dataclasses import dataclass, field
from typing import Any, Final

import faust
import structlog
from faust.auth import Credentials, SASLCredentials, SSLCredentials
from faust.types import TP, EventT
from faust.types import Message as MessageT
from faust.types.transports import TransportT

from schemas.errors import EXIT_CONFIGURATION, Broken, ConfigurationError
from streams import group
from streams.adapters.kafka.connection import KafkaAddress, KafkaConnection
from streams.adapters.kafka.settings import ConsumerSettings
from streams.adapters.kafka.unread import unread_of
from streams.inflight import Delivery, InFlight, Partition, WindowLimits
from streams.message import Handler, Message, written_at
from streams.transport import WatchedTransport

log = structlog.get_logger(__name__)

EXIT_CUT_OFF: Final = 3
"""The exit code of a worker that could not end in order within its limits."""

_EXIT_GRACE: Final = 10.0
_WATCH_INTERVAL: Final = 1.0
_READY_INTERVAL: Final = 0.5
_NEVER: Final = 10 * 365 * 86_400.0
"""With the window full for longer than `max.poll.interval`, aiokafka would leave the group, and
Faust never rejoins: a live process doing nothing. The window's own watchdog takes its place."""


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """What a worker reads from, how, and how much of it at once."""

    brokers: KafkaAddress
    consumer: ConsumerSettings = field(default_factory=ConsumerSettings)
    window: WindowLimits = field(default_factory=WindowLimits)


Lifespan = Callable[["StreamApp"], AbstractAsyncContextManager[Handler]]
"""Opens all that the worker needs, yields its handler, and closes everything in the end."""


class StreamApp(faust.App):
    """A worker's Faust app: one window over all its partitions."""

    logger = logging.getLogger("faust.app")  # Faust would take this module's, and speak in our name

    def __init__(self, settings: StreamSettings, lifespan: Lifespan) -> None:
        self.settings = settings
        self._lifespan = lifespan
        self._resources = AsyncExitStack()
        self._handler: Handler | None = None
        self._keepers: list[asyncio.Task[None]] = []
        self._crashing: asyncio.Task[None] | None = None
        self._committed: dict[Partition, int] = {}
        self._is_fenced = False
        self.window: InFlight | None = None
        self.refusal: ConfigurationError | None = None
        """Why the app would not start."""
        self.is_paused: Callable[[frozenset[str]], bool] = lambda _needs: False
        """Asked before a message is started, with what it needs: while that is away, only probes are."""
        self.made_again: Callable[[], Awaitable[frozenset[str]]] = _none
        """Asked at each revocation for topics that were deleted and made again since it was asked before."""
        super().__init__(settings.consumer.group, **_faust_options(settings))
        self.on_partitions_revoked.connect(self._drain_revoked)

    async def on_first_start(self) -> None:
        """Open the resources and warm the model; awaited before the consumer joins its group."""
        # Not super(): all it does is make a data directory for tables that we do not have.
        try:
            self._handler = await self._resources.enter_async_context(self._lifespan(self))
        except ConfigurationError as error:
            # No crash to be logged with its trace: a line for whoever has to set it right.
            self.refusal = error
            raise SystemExit(EXIT_CONFIGURATION) from error
        self.window = InFlight(self.settings.window, commit=self._commit, on_failure=self._crash_with)
        self._keep(self.window)

    def _new_transport(self) -> TransportT:
        return WatchedTransport(self.conf.broker_consumer, self)

    async def admit(self, event: EventT[Any]) -> None:
        """Start the event's work once there is room; returns when it has started or was dropped."""
        try:
            await self._admit(event.message)
        except Exception as error:  # noqa: BLE001 - Faust would lose the event and restart the agent in silence
            self.fail(error)

    async def _admit(self, raw: MessageT) -> None:
        if self.window is None or self._handler is None:
            raise Broken("the app is not started")
        task = self._handler(_message_of(raw))
        delivery = Delivery(Partition(raw.topic, raw.partition), raw.offset, task.keys, task.urgency)

        def is_current() -> bool:
            return bool(raw.generation_id == self.consumer_generation_id)

        while (self.is_paused(task.needs) or not task.is_ready()) and is_current():  # noqa: ASYNC110 - time makes it ready, and no one to tell us
            await asyncio.sleep(_READY_INTERVAL)
        await self.window.admit(delivery, task.work, is_current=is_current)

    async def reread(self) -> None:
        """Join anew, because a topic was made again under us: its partitions begin at 0 then."""
        if self.consumer.started:
            await group.join_again(self.consumer)

    def waiting(self) -> AbstractContextManager[object]:
        """For work that waits on purpose, in its own task: that is no stall."""
        return nullcontext() if self.window is None else self.window.waiting()

    def fail(self, error: BaseException) -> None:
        """Exit non-zero because of `error`: nothing starts any more, nothing is committed past it."""
        if self.window is not None:
            self.window.fail(error)
        else:
            self._crash_with(error)

    async def on_stop(self) -> None:
        """Drain and commit while the consumer still runs: `on_before_shutdown` comes too late."""
        self._exit_for_certain()
        for keeper in self._keepers:
            keeper.cancel()
        if self.window is not None:
            drained = await self.window.close(self.settings.consumer.drain_limit)
            log.info("worker.drained", complete=drained)
        await super().on_stop()

    def _exit_for_certain(self) -> None:
        """A broker that is away must not hold up the exit: what was not committed comes again."""
        limit = self.settings.consumer.drain_limit + self.settings.consumer.session_timeout + _EXIT_GRACE
        guard = threading.Timer(limit, os._exit, (EXIT_CUT_OFF,))
        guard.daemon = True
        guard.start()

    async def on_shutdown(self) -> None:
        """Close the resources: nothing of ours runs any more."""
        await super().on_shutdown()
        await self._resources.aclose()

    async def _drain_revoked(self, _app: Any, /, *revoked: Any, signal: Any, **_: Any) -> None:  # noqa: ANN401, ARG002 - a signal's signature
        # Every rebalance revokes everything, so the whole window drains, whatever `revoked` names.
        if self.window is not None:
            drained = await self.window.revoke(self.settings.consumer.revocation_limit)
            await self._begin_anew(await self.made_again())
            self._committed.clear()
            log.info("partitions.revoked", partitions=sum(map(len, revoked)), drained=drained)

    async def _begin_anew(self, made_again: frozenset[str]) -> None:
        """What is committed of topics of that name is of those that were there before."""
        places = [tp for tp in self.consumer.assignment() if tp.topic in made_again]
        if places:
            log.error("topic.made_again", places=[f"{tp.topic}/{tp.partition}" for tp in sorted(places)])
            await self._commit({Partition(tp.topic, tp.partition): 0 for tp in places})

    def _crash_with(self, error: BaseException) -> None:
        log.critical("worker.failed", exc_info=error)
        if self._crashing is None:
            self._crashing = asyncio.create_task(self.crash(error))

    async def _commit(self, offsets: Mapping[Partition, int]) -> bool:
        if not self._is_fenced:
            await group.fence_commits(self.consumer)
            self._is_fenced = True
        taken = {TP(partition.topic, partition.number): offset for partition, offset in offsets.items()}
        # Private, and the only way to commit offsets of our own choosing: Faust is pinned, a test guards it.
        is_taken = bool(await self.consumer._commit_offsets(taken))  # type: ignore[attr-defined]  # noqa: SLF001
        if is_taken:
            self._committed |= offsets
        return is_taken

    def lags(self) -> dict[Partition, int]:
        """Messages behind what was committed here, by partition; none before a partition's first commit."""
        ends = {place: self._end_of(place) for place in self._committed}
        return {place: max(0, end - self._committed[place]) for place, end in ends.items() if end is not None}

    def _end_of(self, place: Partition) -> int | None:
        try:
            return self.consumer.highwater(TP(place.topic, place.number))
        except Exception:  # noqa: BLE001 - aiokafka asserts: its thread may have lost the partition just now
            return None

    def _keep(self, window: InFlight) -> None:
        """Commit and watch the window now and then, until the app stops."""
        for loop in (self._commit_now_and_then(window), self._watch(window), self._stay_in_group()):
            task = asyncio.create_task(loop)
            task.add_done_callback(lambda ended: self._keeper_ended(window, ended))
            self._keepers.append(task)

    async def _commit_now_and_then(self, window: InFlight) -> None:
        while True:
            await asyncio.sleep(self.settings.consumer.commit_interval)
            await window.commit()

    async def _watch(self, window: InFlight) -> None:
        while True:
            # Sleeps count, not the clock: a process that was stopped for an hour has not stalled.
            await asyncio.sleep(_WATCH_INTERVAL)
            window.watch(_WATCH_INTERVAL)

    async def _stay_in_group(self) -> None:
        while True:
            await asyncio.sleep(_WATCH_INTERVAL)
            if self.consumer.started and (error := await group.take_up_error(self.consumer)) is not None:
                log.warning("group.error", cause=repr(error))

    def _keeper_ended(self, window: InFlight, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            window.fail(error)


async def _none() -> frozenset[str]:
    return frozenset()


def _message_of(raw: MessageT) -> Message:
    headers = raw.headers.items() if isinstance(raw.headers, Mapping) else raw.headers or ()
    written = written_at(raw.timestamp)
    unread = unread_of(raw.value)
    value = None if unread else raw.value
    return Message(raw.topic, raw.partition, raw.offset, raw.key, value, _texts(headers), written, unread)


def _texts(headers: Iterable[tuple[str, bytes | None]]) -> tuple[tuple[str, bytes], ...]:
    """Kafka lets a header be null; nobody after us has to know."""
    return tuple((name, value or b"") for name, value in headers)


def _faust_options(settings: StreamSettings) -> dict[str, Any]:
    broker = KafkaConnection.to(settings.brokers)
    return {
        "broker": ";".join(f"kafka://{each.strip()}" for each in broker.bootstrap.split(",")),
        "broker_credentials": _credentials(broker),
        "broker_session_timeout": settings.consumer.session_timeout,
        "broker_heartbeat_interval": settings.consumer.session_timeout / 10,
        "broker_commit_interval": settings.consumer.commit_interval,
        "broker_max_poll_interval": _NEVER,
        "consumer_metadata_max_age_ms": int(settings.consumer.metadata_age * 1000),
        "consumer_auto_offset_reset": "earliest",
        "stream_buffer_maxsize": settings.consumer.buffer,
        "stream_wait_empty": False,  # the window drains; Faust knows nothing of its work
        "topic_allow_declare": False,  # topics are made by whoever runs the cluster
        "topic_disable_leader": True,
        "web_enabled": False,
        "worker_redirect_stdouts": False,
    }


def _credentials(broker: KafkaConnection) -> Credentials | None:
    """The same as Faust's own consumer and producer take it."""
    if broker.login is None:
        return SSLCredentials(broker.tls) if broker.tls else None
    return SASLCredentials(
        username=broker.login.username,
        password=broker.login.password.get_secret_value(),
        mechanism=broker.login.mechanism,
        ssl_context=broker.tls,
    )
